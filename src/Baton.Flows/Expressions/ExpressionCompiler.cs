using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Baton.Flows.Parse;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Expressions;

/// <summary>Compiles the expressions of one flow in its language and mode, reporting those that do not compile.</summary>
internal sealed partial class ExpressionCompiler(DiagnosticBag problems, ExpressionLanguage language, bool loose)
{
    /// <summary>True for <c>${ ... }</c>.</summary>
    public static bool IsExpression(string text) => Enclosed().IsMatch(text);

    /// <summary>Compiles text that is an expression by its place, with or without <c>${ }</c>.</summary>
    public FlowExpression Compile(string text, SourcePosition at, string pointer, VariableScope scope)
    {
        var body = Enclosed().Match(text) is { Success: true } match ? match.Groups[1].Value : text;
        try
        {
            return new FlowExpression(body, at, pointer, Parse(body, scope));
        }
        catch (JqSyntaxException error)
        {
            foreach (var problem in error.Problems)
            {
                problems.Error(
                    IsNotDeterministic(problem) ? FlowCodes.NotDeterministic : FlowCodes.ExpressionSyntax,
                    at, pointer, $"In the expression '{Shorten(body)}', line {problem.Line}, column {problem.Column}: {problem.Message}.",
                    IsNotDeterministic(problem) ? "Use $workflow.startedAt or $task.startedAt for time, and pass anything else in as input." : "Correct the expression; 'baton jq' lets you try it.");
            }
        }
        catch (ExpressionException error)
        {
            problems.Error(FlowCodes.ExpressionSyntax, at, pointer, $"In the expression '{Shorten(body)}': {error.Message}", "Correct the expression.");
        }
        return new FlowExpression(body, at, pointer, null);
    }

    /// <summary>Compiles a value in which strings of the form <c>${ ... }</c> (in loose mode: any that parse) are expressions.</summary>
    public FlowTemplate Template(SourceNode node, string pointer, VariableScope scope)
    {
        switch (node.Kind)
        {
            case SourceKind.String when IsExpression(node.Text!):
                return FlowTemplate.Of(Compile(node.Text!, node.Position, pointer, scope));
            case SourceKind.String when loose:
                return TryParse(node.Text!, scope) is { } program
                    ? new FlowTemplate.Loose(node.Text!, new FlowExpression(node.Text!, node.Position, pointer, program))
                    : new FlowTemplate.Literal(node.Text!);
            case SourceKind.Sequence:
                return Fold(new FlowTemplate.Listed([.. node.Items.Select((item, i) => Template(item, $"{pointer}/{i}", scope))]), node);
            case SourceKind.Mapping:
                return Fold(new FlowTemplate.Mapped([.. node.Entries.Select(e => KeyValuePair.Create(e.Key, Template(e.Value, $"{pointer}/{JsonPointer.Escape(e.Key)}", scope)))]), node);
            default:
                return new FlowTemplate.Literal(JqValue.Parse(node.ToUtf8Json()));
        }
    }

    private static FlowTemplate Fold(FlowTemplate template, SourceNode node) =>
        template.IsLiteral ? new FlowTemplate.Literal(JqValue.Parse(node.ToUtf8Json())) : template;

    private IExpressionProgram Parse(string text, VariableScope scope) =>
        language == ExpressionLanguage.Jq ? new JqExpression(text, [.. scope.Names]) : new JavaScriptExpression(text);

    private IExpressionProgram? TryParse(string text, VariableScope scope)
    {
        try
        {
            return Parse(text, scope);
        }
        catch (Exception error) when (error is JqSyntaxException or ExpressionException)
        {
            return null;
        }
    }

    private static bool IsNotDeterministic(JqSyntaxProblem problem) => problem.Message.Contains("determin", StringComparison.OrdinalIgnoreCase);

    private static string Shorten(string text) => text.Trim() is var trimmed && trimmed.Length <= 80 ? trimmed : trimmed[..77] + "...";

    [GeneratedRegex(@"^\s*\$\{(.+)\}\s*$", RegexOptions.Singleline)]
    private static partial Regex Enclosed();
}
