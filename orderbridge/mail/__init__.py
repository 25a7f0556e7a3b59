"""Mail to sellers: which server takes it, how one goes out, which addresses are refused, and a mail to try it all."""
