"""What every route of the API has in common: a contract, how a request is read by it, and the document made of them."""
