"""From the sections of an image to the views that lookups search: see opening.pyx.

Each fills the view with zeros where the image is None, and raises BadImage where it must not be used."""
from fastpath.image cimport Image
from fastpath.names cimport NamesView
from fastpath.policy cimport PolicyView
from fastpath.subscribers cimport SubscribersView
from fastpath.urls cimport UrlsView


cdef object open_names(Image image, NamesView* v)
cdef object open_urls(Image image, UrlsView* v)
cdef object open_subscribers(Image image, SubscribersView* v)
cdef object open_policy(Image image, PolicyView* v)
