"""python -m lenet.study"""

from lenet.study.stages import main

main()
