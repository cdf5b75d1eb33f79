using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>Whether an expression calls a function by name, shadowed or not; such a function is not expanded in place.</summary>
internal static class CallFinder
{
    public static bool Calls(Ast root, string name, int arity)
    {
        var pending = new Stack<Ast>();
        pending.Push(root);
        while (pending.TryPop(out var ast))
        {
            if (ast is CallAst call && call.Name == name && call.Arguments.Count == arity)
            {
                return true;
            }

            foreach (var child in Children(ast))
            {
                pending.Push(child);
            }
        }

        return false;
    }

    private static IEnumerable<Ast> Children(Ast ast) => ast switch
    {
        TemplateAst a => a.Parts.Select(p => p.Part),
        IndexAst a => [a.Target, a.Key],
        SliceAst a => new[] { a.Target, a.From ?? a.Target, a.To ?? a.Target },
        IterateAst a => [a.Target],
        PipeAst a => [a.Left, a.Right],
        CommaAst a => [a.Left, a.Right],
        NegateAst a => [a.Operand],
        BinaryAst a => [a.Left, a.Right],
        AndAst a => [a.Left, a.Right],
        OrAst a => [a.Left, a.Right],
        AlternativeAst a => [a.Left, a.Right],
        AssignAst a => [a.Target, a.Value],
        ModifyAst a => [a.Target, a.Update],
        UpdateAst a => [a.Target, a.Value],
        IfAst a => new[] { a.Condition, a.Then, a.Else ?? a.Then },
        TryAst a => new[] { a.Body, a.Handler ?? a.Body },
        ReduceAst a => [a.Source, a.Init, a.Update, .. Keys(a.Patterns)],
        ForeachAst a => Keys(a.Patterns).Append(a.Source).Append(a.Init).Append(a.Update).Append(a.Extract ?? a.Source),
        BindAst a => [a.Source, a.Body, .. Keys(a.Patterns)],
        DefineAst a => [a.Function.Body, a.Rest],
        LabelAst a => [a.Body],
        CallAst a => a.Arguments,
        ArrayAst { Body: { } body } => [body],
        ObjectAst a => a.Fields.SelectMany(f => new[] { f.Key, f.Value }),
        _ => [],
    };

    private static IEnumerable<Ast> Keys(IEnumerable<Pattern> patterns) => patterns.SelectMany(pattern => pattern switch
    {
        ArrayPattern a => Keys(a.Items),
        ObjectPattern o => o.Fields.SelectMany(f => f.Value is null ? [f.Key] : Keys([f.Value]).Append(f.Key)),
        _ => [],
    });
}
