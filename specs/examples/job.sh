#!/bin/bash
# A job script as there are many; `trainboard import job.sh -o job.yaml` made job.yaml of it.
#SBATCH --job-name=char-rnn-job
#SBATCH --cpus-per-task=1 --mem=500M
#SBATCH --time=00:10:00
#SBATCH --array=1-2%1
#SBATCH --output=char-rnn-%A_%a.out

export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd "$SLURM_SUBMIT_DIR"

lrs=(0.001 0.003)
lr=${lrs[$((SLURM_ARRAY_TASK_ID - 1))]}
echo "task $SLURM_ARRAY_TASK_ID: lr $lr"
${PYTHON:-python3} char_rnn.py --lr "$lr" --steps 100 --hidden 32 --seed "$SLURM_ARRAY_TASK_ID"
