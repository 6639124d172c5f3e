"""The live subset of the evaluation: real loops on emulated, drifting QPUs under several policies, and speculation."""
