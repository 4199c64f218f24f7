// Answers one simulation per line of standard input with one line of JSON: what was decided and which context keys the
// evaluator passed over, or what it said against the simulation.
//
// The evaluator runs here, in a process of its own, with an unmodified package; no part of Keystead imports it.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    const said = await runSimulation(JSON.parse(line), {})
    const results = said.results ?? [said.result]
    answer =
      said.resultType === 'error'
        ? { refused: JSON.stringify(said.errors) }
        : { result: said.overallResult, ignored: results.flatMap((each) => each.ignoredContextKeys ?? []) }
  } catch (error) {
    answer = { refused: String(error?.stack ?? error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
