using System.Text.RegularExpressions;
using Acornima;
using Acornima.Ast;
using Baton.Jq;
using Jint;
using Jint.Runtime;

namespace Baton.Flows.Expressions;

/// <summary>
/// <c>evaluate.language: js</c>: an expression of ECMAScript over <c>$data</c> (what jq calls <c>.</c>) and the
/// variables with their '$'. Runs in a fresh engine without clock, randomness, host objects or dynamic code, so that
/// a replay gives the same result; bounded in statements and recursion.
/// </summary>
internal sealed class JavaScriptExpression : IExpressionProgram
{
    /// <summary>One search: below the two seconds after which a worker counts as stuck.</summary>
    private static readonly TimeSpan RegexTimeout = TimeSpan.FromMilliseconds(500);

    private readonly string _text;
    private readonly Prepared<Script> _script;

    public JavaScriptExpression(string text)
    {
        _text = text.Trim();
        try
        {
            _script = Engine.PrepareScript($"\"use strict\";({_text})");
        }
        catch (Exception error) when (error is ScriptPreparationException or ParseErrorException)
        {
            throw new ExpressionException($"not a JavaScript expression: {error.InnerException?.Message ?? error.Message}.");
        }
    }

    // JavaScript gives undefined for a member that a string does not have: only the bare variables are safe.
    public bool IsSelection => _text.StartsWith('$') && _text.All(c => char.IsAsciiLetterOrDigit(c) || c is '$' or '_');

    public bool ReadsInput => _text.Contains("$data", StringComparison.Ordinal);

    public JqValue Evaluate(in ExpressionScope scope)
    {
        var engine = new Engine(options =>
        {
            options.MaxStatements(100_000);
            options.LimitRecursion(200);
            options.LimitMemory(32 * 1024 * 1024);
            options.DisableStringCompilation();
            options.RegexTimeoutInterval(RegexTimeout);
        });
        try
        {
            engine.Execute("delete globalThis.Date; delete Math.random;");
            Set(engine, "$data", scope.Value);
            foreach (var (name, value) in scope.Variables)
            {
                Set(engine, "$" + name, value);
            }
            var result = engine.Evaluate(_script);
            var json = engine.Invoke(engine.Evaluate("JSON.stringify"), result);
            return json.IsUndefined() ? JqValue.Null : JqValue.Parse(json.AsString());
        }
        catch (Exception error) when (error is JavaScriptException or StatementsCountOverflowException or RecursionDepthOverflowException or MemoryLimitExceededException or RegexMatchTimeoutException)
        {
            throw new ExpressionException($"The expression '{_text}' failed: {error.Message}");
        }
    }

    private static void Set(Engine engine, string name, JqValue value) => engine.SetValue(name, engine.Evaluate("JSON").AsObject().Get("parse").Call(value.ToJson()));
}
