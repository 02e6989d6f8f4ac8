"""The probe: trades one share to see whether stops at the exchange are kept as the product expects."""
