"""The demonstration: a whole desk under made-up traffic, with its accounts shown at the end."""
