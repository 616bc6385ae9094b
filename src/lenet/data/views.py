"""x"""

from lenet import paper


def regular(images):
    return (images.float() / 255 * (paper.FOREGROUND - paper.BACKGROUND) + paper.BACKGROUND)[
        :, None
    ]


VIEWS = {"regular": regular}
