"""What a case means, pure: grades, clocks, the closed loop. Empty until the command centre needs them."""
