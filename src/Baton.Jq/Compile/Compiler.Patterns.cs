using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>Destructuring, unfolded into bindings of single variables.</summary>
internal sealed partial class Compiler
{
    private Node Bind(BindAst bind, Scope? scope, int level)
    {
        var source = Compile(bind.Source, scope, level);
        if (bind.Patterns is [VariablePattern variable])
        {
            return new BindNode(source, Compile(bind.Body, new VariableScope(scope, variable.Name, level), level + 1));
        }

        // The whole value first, under a name that no program can write.
        if (bind.Patterns is [var pattern])
        {
            var steps = new Queue<Step>([new Step(pattern, 0)]);
            return new BindNode(source, Unfold(steps, scope, scope, level, level + 1, (s, l) => Compile(bind.Body, s, l)));
        }

        return new BindNode(source, Alternatives(bind, scope, level));
    }

    /// <summary>
    /// Each pattern binds what it can; the variables of the others are null. Then all of them are put in one order, so
    /// that the body is compiled once.
    /// </summary>
    private Node Alternatives(BindAst bind, Scope? scope, int level)
    {
        var names = new List<string>();
        foreach (var pattern in bind.Patterns)
        {
            Collect(pattern, names);
        }

        var bodyScope = scope;
        var bodyLevel = level + 1;
        foreach (var name in names)
        {
            bodyScope = new VariableScope(bodyScope, name, bodyLevel++);
        }

        var body = Compile(bind.Body, bodyScope, bodyLevel);
        Node? chain = null;
        foreach (var pattern in bind.Patterns.Reverse())
        {
            var own = new List<string>();
            Collect(pattern, own);
            var missing = names.Except(own).ToArray();
            var start = scope;
            var startLevel = level + 1;
            foreach (var name in missing)
            {
                start = new VariableScope(start, name, startLevel++);
            }

            var attempt = Unfold(new Queue<Step>([new Step(pattern, 0)]), scope, start, level, startLevel, (s, l) =>
            {
                // Counted from the innermost link of this attempt.
                var places = names.Select(n => l - Find<VariableScope>(s, n)!.Level - 1).ToArray();
                return new RebaseNode(l - level - 1, places, body);
            });
            foreach (var _ in missing)
            {
                attempt = new BindNode(new ConstantNode(default), attempt);
            }

            chain = chain is null ? attempt : new FirstThatFitsNode(attempt, chain);
        }

        return chain!;
    }

    private static void Collect(Pattern pattern, List<string> names)
    {
        switch (pattern)
        {
            case VariablePattern variable:
                Add(variable.Name);
                break;

            case ArrayPattern array:
                foreach (var item in array.Items)
                {
                    Collect(item, names);
                }

                break;

            case ObjectPattern obj:
                foreach (var (variable, _, value) in obj.Fields)
                {
                    if (variable is not null)
                    {
                        Add(variable);
                    }

                    if (value is not null)
                    {
                        Collect(value, names);
                    }
                }

                break;
        }

        void Add(string name)
        {
            if (!names.Contains(name))
            {
                names.Add(name);
            }
        }
    }

    /// <summary>
    /// Takes the value bound at <paramref name="level"/> + <see cref="Step.Offset"/> apart. Parts are bound one after
    /// another, each to a link of its own, named or not; keys see only the names outside the pattern.
    /// </summary>
    private Node Unfold(Queue<Step> steps, Scope? outer, Scope? scope, int level, int current, Func<Scope?, int, Node> body)
    {
        if (!steps.TryDequeue(out var step))
        {
            return body(scope, current);
        }

        var place = level + step.Offset;
        switch (step.Pattern)
        {
            case VariablePattern variable:
                return Unfold(steps, outer, new VariableScope(scope, variable.Name, place), level, current, body);

            case ArrayPattern array:
                return Items(array.Items, 0);

            case ObjectPattern obj:
                return Fields(obj.Fields, 0);

            default:
                throw new InvalidOperationException();
        }

        Node Items(IReadOnlyList<Pattern> items, int index)
        {
            if (index == items.Count)
            {
                return Unfold(steps, outer, scope, level, current, body);
            }

            var item = new IndexNode(new VariableNode(current - place - 1), new ConstantNode(JqValue.From((double)index)), false);
            steps.Enqueue(new(items[index], current - level));
            current++;
            return new BindNode(item, Items(items, index + 1));
        }

        Node Fields(IReadOnlyList<(string? Variable, Ast Key, Pattern? Value)> fields, int index)
        {
            if (index == fields.Count)
            {
                return Unfold(steps, outer, scope, level, current, body);
            }

            // The key is evaluated on the value taken apart, which stands so many links up.
            var (variable, keyAst, pattern) = fields[index];
            var key = Pipe(new VariableNode(current - place - 1), Compile(keyAst, outer, current));
            current++;
            var field = new IndexNode(new VariableNode(current - place - 1), new VariableNode(0), false);
            if (variable is not null)
            {
                scope = new VariableScope(scope, variable, current);
            }

            if (pattern is not null)
            {
                steps.Enqueue(new(pattern, current - level));
            }

            current++;
            return new BindNode(key, new BindNode(field, Fields(fields, index + 1)));
        }
    }

    private readonly record struct Step(Pattern Pattern, int Offset);
}
