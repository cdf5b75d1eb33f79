using System.Collections.Immutable;

namespace Baton.Jq;

/// <summary>One problem in the text of a program. Line and column count from 1; columns count UTF-16 units.</summary>
/// <param name="Message">As jq words it, such as <c>foo/0 is not defined</c>.</param>
/// <param name="Length">Characters that the problem covers, at least 1.</param>
/// <param name="Source">Name of the module, or <c>&lt;top-level&gt;</c>.</param>
public sealed record JqSyntaxProblem(string Message, int Line, int Column, int Length, string Source, string SourceLine)
{
    /// <summary>The problem as jq prints it: message, place, the line, and a mark below it.</summary>
    public override string ToString() =>
        $"jq: error: {Message} at {Source}, line {Line}, column {Column}:\n    {SourceLine}\n    {new string(' ', Column - 1)}{new string('^', Length)}";
}

/// <summary>The text is not a jq program, or not one that these options allow.</summary>
public sealed class JqSyntaxException : Exception
{
    internal JqSyntaxException(ImmutableArray<JqSyntaxProblem> problems)
        : base(string.Join('\n', problems.Select(p => $"{p.Message} at {p.Source}, line {p.Line}, column {p.Column}"))) =>
        Problems = problems;

    /// <summary>Every problem found, in the order of the text; never empty.</summary>
    public ImmutableArray<JqSyntaxProblem> Problems { get; }

    /// <summary>Line of the first problem, from 1.</summary>
    public int Line => Problems[0].Line;

    /// <summary>Column of the first problem, from 1.</summary>
    public int Column => Problems[0].Column;
}

/// <summary>The program raised an error that it did not catch.</summary>
public sealed class JqRuntimeException : Exception
{
    internal JqRuntimeException(JqValue value)
        : base(Describe(value)) => Value = value;

    /// <summary>What <c>catch</c> would have seen: usually a string, but <c>error({...})</c> may carry any value.</summary>
    public JqValue Value { get; }

    private static string Describe(JqValue value) => value.Kind switch
    {
        JqKind.String => value.GetString(),
        _ => value.ToJson() + " (not a string)",
    };
}

/// <summary>An evaluation reached one of its <see cref="JqLimits"/>. The program cannot catch it.</summary>
public sealed class JqLimitException : Exception
{
    internal JqLimitException(string limit, string message)
        : base(message) => Limit = limit;

    /// <summary>Name of the property of <see cref="JqLimits"/> that was reached.</summary>
    public string Limit { get; }
}

/// <summary>The text is not JSON. The message is jq's own, with line and column.</summary>
public sealed class JqJsonException : Exception
{
    internal JqJsonException(string message)
        : base(message)
    {
    }
}

/// <summary>The program called <c>halt</c> or <c>halt_error</c>: outputs end here.</summary>
public sealed class JqHaltException : Exception
{
    internal JqHaltException(int exitCode, JqValue? value)
        : base($"The program halted with exit code {exitCode}.")
    {
        ExitCode = exitCode;
        Value = value;
    }

    /// <summary>Exit code for the process, 0 for <c>halt</c>.</summary>
    public int ExitCode { get; }

    /// <summary>What <c>halt_error</c> wants printed on stderr; a string is printed raw.</summary>
    public JqValue? Value { get; }
}
