using System.Runtime.CompilerServices;
using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>What a program does with its input, told from its syntax alone: cautious, so that a doubtful case, or one nested too deep to look, counts as a use.</summary>
internal static class InputUse
{
    /// <summary>True if the program only moves values: paths with fixed keys, variables, literals, and objects and lists of these.</summary>
    public static bool IsSelection(Ast ast) => RuntimeHelpers.TryEnsureSufficientExecutionStack() && ast switch
    {
        IdentityAst or LiteralAst or VariableAst => true,
        IndexAst { Optional: false, Key: LiteralAst } index => IsSelection(index.Target),
        PipeAst pipe => IsSelection(pipe.Left) && IsSelection(pipe.Right),
        CommaAst comma => IsSelection(comma.Left) && IsSelection(comma.Right),
        ArrayAst { Body: var body } => body is null || IsSelection(body),
        ObjectAst literal => literal.Fields.All(f => f.Key is LiteralAst && IsSelection(f.Value)),
        _ => false,
    };

    /// <summary>False if the program cannot depend on its input, only on its variables.</summary>
    public static bool ReadsInput(Ast ast) => !RuntimeHelpers.TryEnsureSufficientExecutionStack() || ast switch
    {
        LiteralAst or VariableAst or LocationAst => false,
        IndexAst index => ReadsInput(index.Target) || ReadsInput(index.Key),
        IterateAst iterate => ReadsInput(iterate.Target),
        // What stands right of a pipe sees the left side's output.
        PipeAst pipe => ReadsInput(pipe.Left),
        CommaAst comma => ReadsInput(comma.Left) || ReadsInput(comma.Right),
        NegateAst negate => ReadsInput(negate.Operand),
        BinaryAst binary => ReadsInput(binary.Left) || ReadsInput(binary.Right),
        AndAst and => ReadsInput(and.Left) || ReadsInput(and.Right),
        OrAst or => ReadsInput(or.Left) || ReadsInput(or.Right),
        AlternativeAst alternative => ReadsInput(alternative.Left) || ReadsInput(alternative.Right),
        TemplateAst { Format: null } template => template.Parts.Any(p => ReadsInput(p.Part)),
        ArrayAst { Body: var body } => body is not null && ReadsInput(body),
        ObjectAst literal => literal.Fields.Any(f => ReadsInput(f.Key) || ReadsInput(f.Value)),
        IfAst { Else: { } otherwise } choice => ReadsInput(choice.Condition) || ReadsInput(choice.Then) || ReadsInput(otherwise),
        _ => true,
    };
}
