# char-rnn-1/003-lr=0.003-seed=2, attempt 1
cd "$TRAINBOARD_ATTEMPT" && . ./env || exit 1
mkdir -p code && tar -xzf ../../../.code/ab12.tar.gz -C code && cd code || exit 1

# set-up: the first command that fails ends the attempt
set -e
module load cuda/12
source venv/bin/activate
set +e

if [ -n "${TRAINBOARD_CHECKPOINT:-}" ]; then
python train.py --lr 0.003 --note 'it'"'"'s; $(touch /tmp/x)' --resume "$TRAINBOARD_CHECKPOINT"
else
python train.py --lr 0.003 --note 'it'"'"'s; $(touch /tmp/x)'
fi
