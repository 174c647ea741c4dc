# char-rnn-1/003-lr=0.003-seed=2, attempt 1
cd "$TRAINBOARD_ATTEMPT" && . ./env || exit 1
if [ ! -d code ]; then
  # older than all that the run writes, and whole: it may be ended at any moment, and begin once more
  rm -rf code.part && cp -RP ../../../.code/trees/ab12 code.part || exit 1
  find code.part -type f -exec chmod u+w {} + -exec touch -t 200001010000 {} + && mv code.part code || exit 1
fi
cd code || exit 1

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
