"""Lets ``python -m floodgate_simulator`` do what the command ``floodgate-simulator`` does."""

from floodgate_simulator.command_line import main

if __name__ == "__main__":
    main()
