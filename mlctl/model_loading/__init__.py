"""Opens a model file in a restricted child process, and uses only the copy that the child writes.

``process.ask`` starts ``child.main`` in a separate Python: isolated (``-I``), in a private temporary folder,
with an environment of a few harmless variables, without standard input, with its output captured and bounded.
The child limits itself before it imports anything large (``confinement``), opens the file, checks the estimator
and writes it again with ``joblib.dump``. Its report is validated (``answers``), and the caller audits
its copy before loading it.

This turns a crash, an exit, a hang or a flood into an error message, and keeps credentials and the network out of
reach while the file is opened. It is not a sandbox: the child runs as the user and can read the files of the
user. Without Landlock it can also write them.

=====================================  =============================================  =======================
What                                   Linux                                          macOS
=====================================  =============================================  =======================
environment, folder, output, deadline  yes                                            yes
CPU time, file size, no core dump      yes                                            yes
address space                          yes                                            not enforced by the system
no network                             seccomp on x86-64 and arm64, and a network     no
                                       namespace where the kernel lets users make one
writes in its own folder alone, no     Landlock, from Linux 5.13                      no
other process's memory or environment
no signal to other processes           Landlock, from Linux 6.12                      no
all that it starts ends with it        seccomp on x86-64 and arm64                    of its own group alone
number of processes                    in a user namespace, for users other than root no
ends with its parent                   yes                                            at its CPU limit
=====================================  =============================================  =======================
"""
