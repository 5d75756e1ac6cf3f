"""A studio in the browser: type a prompt, watch tasks move, see pictures and videos appear. See README.md."""
