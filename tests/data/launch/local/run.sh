# char-rnn-1/003-lr=0.003-seed=2, attempt 1
cd "$TRAINBOARD_ATTEMPT" && . ./env || exit 1
cd '/home/ada/my project' || exit 1

# set-up: the first command that fails ends the attempt
set -e
module load cuda/12
source venv/bin/activate
set +e

python train.py --lr 0.003 --note 'it'"'"'s; $(touch /tmp/x)'
