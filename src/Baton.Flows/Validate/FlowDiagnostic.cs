using System.Globalization;
using Baton.Flows.Parse;

namespace Baton.Flows.Validate;

public enum FlowSeverity { Warning, Error }

/// <summary>
/// One problem of a flow: what is wrong (<see cref="Cause"/>), where (line and column from 1, and the JSON pointer of
/// the task or property), and what to do about it (<see cref="Remedy"/>).
/// </summary>
public sealed record FlowDiagnostic(string Code, FlowSeverity Severity, int Line, int Column, string Pointer, string Cause, string Remedy)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Line}:{Column}: {(Severity == FlowSeverity.Error ? "error" : "warning")} {Code}: {Cause} {Remedy}");
}

/// <summary>Collects problems; a document is read to its end and all of them are reported together.</summary>
internal sealed class DiagnosticBag
{
    private const int Max = 500;

    private readonly List<FlowDiagnostic> _all = [];

    public bool HasErrors { get; private set; }

    public IReadOnlyList<FlowDiagnostic> Sorted() => [.. _all.Distinct().OrderBy(d => d.Line).ThenBy(d => d.Column).ThenBy(d => d.Code, StringComparer.Ordinal)];

    public void Error(string code, SourcePosition at, string pointer, string cause, string remedy)
    {
        HasErrors = true;
        Add(new FlowDiagnostic(code, FlowSeverity.Error, at.Line, at.Column, pointer, cause, remedy));
    }

    public void Warning(string code, SourcePosition at, string pointer, string cause, string remedy) =>
        Add(new FlowDiagnostic(code, FlowSeverity.Warning, at.Line, at.Column, pointer, cause, remedy));

    private void Add(FlowDiagnostic problem)
    {
        if (_all.Count < Max)
        {
            _all.Add(problem);
        }
    }
}
