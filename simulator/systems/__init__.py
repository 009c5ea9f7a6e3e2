"""How the sixteen departments' systems speak: HTTP servers, an SFTP server, databases, files, object storage, a webhook sender."""
