#!/bin/sh
#SBATCH --partition=gpu
#SBATCH --account=dl
#SBATCH --qos=high
#SBATCH --gres=gpu:2
#SBATCH --cpus-per-task=4
#SBATCH --mem=16385M
#SBATCH --time=480
#SBATCH --constraint=a100
#SBATCH --nodes=1
#SBATCH --requeue
#SBATCH --signal=B:USR2@60
#SBATCH --job-name=char-rnn-1/003-lr=0.003-seed=2
#SBATCH --comment=0123456789abcdef
#SBATCH --output=out.log
#SBATCH --open-mode=append
exec python3 ../../../.programs/0123456789abcdef/runner.py .
