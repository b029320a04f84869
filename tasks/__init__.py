"""How each stage works, one room per stage; its door is stage.py."""
