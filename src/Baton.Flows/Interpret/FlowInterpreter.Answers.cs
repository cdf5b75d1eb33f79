using Baton.Flows.Functions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>
/// Answers that come later. A function that promises one gives a token, which stands in the position, so that the run may
/// be cut or suspended while it waits; the answer is kept with what is carried over until its task takes it. Histories of
/// before there were promises hold none, and replay as ever.
/// </content>
internal sealed partial class FlowInterpreter
{
    private const int MaxAnswers = 1_000;
    private const int MaxAnswered = 200;

    private int _awaiting;

    /// <summary>Gives an answer to the task that waits for it, or will wait: it may be here before the promise is. The first one counts.</summary>
    public void Answer(string token, LateAnswer answer)
    {
        _pure = 0;
        if (_carry.Answered.Contains(token) || !_carry.Answers.TryAdd(token, answer))
        {
            return;
        }
        if (_carry.Answers.Count > MaxAnswers)
        {
            _carry.Answers.Remove(_carry.Answers.Keys.First(t => t != token));
        }
    }

    private async Task<JqValue> AwaitAsync(FunctionReference function, string token, CallTask call, string path, CancellationToken cancellationToken)
    {
        _awaiting++;
        try
        {
            await _runtime.WaitAsync(() => _carry.Answers.ContainsKey(token), null, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await WithdrawAsync(function, token, call, path);
            throw;
        }
        finally
        {
            _awaiting--;
        }
        _carry.Answers.Remove(token, out var answer);
        _carry.Answered.Add(token);
        if (_carry.Answered.Count > MaxAnswered)
        {
            _carry.Answered.RemoveAt(0);
        }
        return answer!.Error is { } error ? throw new FlowFaultException(error) : answer.Value;
    }

    /// <summary>Tells the function that nobody waits any more. If that fails, the failed call is in the history, and the cancellation counts all the same.</summary>
    private async Task WithdrawAsync(FunctionReference function, string token, CallTask call, string path)
    {
        try
        {
            await CallAsync(new FlowCall("withdraw", JqValue.FromObject([new("function", function.Key), new("token", token)])), call.Pointer, path + "/withdraw", null, CancellationToken.None);
        }
        catch (FlowFaultException)
        {
        }
    }
}
