"""Open an image's sections as the views that lookups search: see views.pyx.

Each function zeroes the view where the image is None, and raises BadImage for an image that must not be used."""
from fastpath.images.image cimport Image
from fastpath.images.names cimport NamesView
from fastpath.images.policy cimport PolicyView
from fastpath.images.subscribers cimport SubscribersView
from fastpath.images.urls cimport UrlsView


cdef object open_names(Image image, NamesView* v)
cdef object open_urls(Image image, UrlsView* v)
cdef object open_subscribers(Image image, SubscribersView* v)
cdef object open_policy(Image image, PolicyView* v)
