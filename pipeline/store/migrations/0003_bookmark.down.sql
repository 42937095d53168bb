-- Forgets how far the sources were read; what is read again is found to be a duplicate.
DROP TABLE bookmark;
