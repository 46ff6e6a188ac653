"""What tests of applications and of transports need; nothing else imports it."""
