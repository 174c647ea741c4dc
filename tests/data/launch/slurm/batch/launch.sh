#!/bin/sh
#SBATCH --partition=gpu
#SBATCH --account=dl
#SBATCH --qos=high
#SBATCH --gres=gpu:2
#SBATCH --cpus-per-task=4
#SBATCH --mem=16385M
#SBATCH --time=480
#SBATCH --nice=5
#SBATCH --constraint=a100
#SBATCH --nodes=1
#SBATCH --requeue
#SBATCH --signal=B:USR2@60
#SBATCH --job-name=char-rnn-1
#SBATCH --comment=fedcba9876543210
#SBATCH --output=%a.log
#SBATCH --open-mode=append
#SBATCH --array=0-1,3%2
attempt=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" attempts)
[ -n "$attempt" ] && cd "$attempt" || exit 1
exec python3 ../../../.programs/0123456789abcdef/runner.py .
