"""What the documentation takes from the code: parts of pages between marks, and the pages that only the site has."""
