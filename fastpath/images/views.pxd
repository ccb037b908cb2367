"""From the sections of an image to the views that lookups search: see views.pyx.

Each fills the view with zeros where the image is None, and raises BadImage where it must not be used."""
from fastpath.images.image cimport Image
from fastpath.images.names cimport NamesView
from fastpath.images.policy cimport PolicyView
from fastpath.images.subscribers cimport SubscribersView
from fastpath.images.urls cimport UrlsView


cdef object open_names(Image image, NamesView* v)
cdef object open_urls(Image image, UrlsView* v)
cdef object open_subscribers(Image image, SubscribersView* v)
cdef object open_policy(Image image, PolicyView* v)
