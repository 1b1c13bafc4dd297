"""Float networks to quantized networks: observers, scale rules, fusion, power-of-two scales."""
