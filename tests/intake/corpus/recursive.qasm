OPENQASM 2.0;
include "qelib1.inc";
gate a q { b q; }
gate b q { a q; }
qreg q[1];
a q[0];
