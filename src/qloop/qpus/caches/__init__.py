"""What a QPU keeps between tasks: compiled circuits, loaded waveforms, readout calibrations."""
