#!/usr/bin/python3
"""Every rank adds its number; rank 0 tells the sum and where it was made of."""
import socket

from mpi4py import MPI

comm = MPI.COMM_WORLD
total = comm.allreduce(comm.Get_rank() + 1)
hosts = comm.gather(socket.gethostname())
if comm.Get_rank() == 0:
    print(f"sum over {comm.Get_size()} ranks on {len(set(hosts))} nodes: {total}", flush=True)
