"""Files of block records of which legal holds name a part."""
