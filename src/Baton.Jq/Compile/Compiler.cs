using System.Collections.Immutable;
using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>Turns a syntax tree into nodes: resolves names, expands small functions in place, finds every problem.</summary>
/// <remarks>
/// "Level" counts the links of the run-time chain of names at a place; a name bound at level L is reached from level N
/// by going N - L - 1 links up. A function that does not call itself is expanded in place: its body is compiled where
/// the call stands, with each parameter standing for the argument's own syntax and scope. That works because the
/// chain at the call extends the chain at the definition. Past a budget, and for recursion, calls are real.
/// </remarks>
internal sealed partial class Compiler
{
    private const int MaxExpansionDepth = 64;
    private const int ExpansionBudget = 20_000;
    private const int NodeBudget = 2_000_000;

    private readonly JqOptions _options;
    private readonly Dictionary<string, int> _globals = new(StringComparer.Ordinal);
    private readonly List<JqSyntaxProblem> _problems = [];
    private readonly Dictionary<FunctionAst, FunctionScope> _prelude = new(ReferenceEqualityComparer.Instance);
    private readonly ModuleLoader _modules;
    private Unit _unit;
    private int _nodes;
    private int _expansionDepth;

    public Compiler(SourceText source, JqOptions options)
    {
        _options = options;
        _unit = new(source, IsPrelude: false);
        _modules = new(options);
        foreach (var name in options.Variables)
        {
            _globals.TryAdd(name.TrimStart('$'), _globals.Count);
        }
    }

    public IReadOnlyDictionary<string, int> Globals => _globals;

    public Node CompileProgram(ModuleAst module)
    {
        var scope = Imports(module, null, null);
        foreach (var function in module.Functions)
        {
            scope = new FunctionScope(scope, function.Name, function, 0, _unit);
        }

        var node = Compile(module.Body ?? new IdentityAst(default), scope, 0);
        CheckUnused(scope);
        return _problems.Count == 0 ? node : throw new JqSyntaxException([.. _problems.Distinct().OrderBy(p => p.Line).ThenBy(p => p.Column)]);
    }

    private Node Compile(Ast ast, Scope? scope, int level)
    {
        if (!StackGuard.HasRoom())
        {
            return StackGuard.OnNewStack(() => Compile(ast, scope, level));
        }

        if (++_nodes > NodeBudget)
        {
            throw _unit.Source.Failure("Program is too large", ast.Span);
        }

        switch (ast)
        {
            case IdentityAst:
                return IdentityNode.Instance;

            case LiteralAst literal:
                return new ConstantNode(literal.Value);

            case LocationAst location:
                Refuse("$__loc__", ast.Span);
                return new ConstantNode(location.Value);

            case TemplateAst template:
                return Template(template, scope, level);

            case FormatAst format:
                return new Native0Node(FormatOf(format.Name));

            case IndexAst index:
                return new IndexNode(Compile(index.Target, scope, level), Compile(index.Key, scope, level), index.Optional);

            case SliceAst slice:
                return new SliceNode(
                    Compile(slice.Target, scope, level), CompileOrNull(slice.From, scope, level), CompileOrNull(slice.To, scope, level), slice.Optional);

            case IterateAst iterate:
                return new IterateNode(Compile(iterate.Target, scope, level), iterate.Optional);

            case PipeAst pipe:
                return Pipe(Compile(pipe.Left, scope, level), Compile(pipe.Right, scope, level));

            case CommaAst comma:
                return new CommaNode(Compile(comma.Left, scope, level), Compile(comma.Right, scope, level));

            case NegateAst negate:
                var operand = Compile(negate.Operand, scope, level);
                return operand is ConstantNode { Value: { IsNumber: true } number }
                    ? new ConstantNode(Arithmetic.Negate(null!, number))
                    : Pipe(operand, new Native0Node(Arithmetic.Negate));

            case BinaryAst binary:
                return new BinaryNode(FunctionOf(binary.Operator), Compile(binary.Left, scope, level), Compile(binary.Right, scope, level));

            case AndAst and:
                return new LogicNode(Compile(and.Left, scope, level), Compile(and.Right, scope, level), decisive: false);

            case OrAst or:
                return new LogicNode(Compile(or.Left, scope, level), Compile(or.Right, scope, level), decisive: true);

            case AlternativeAst alternative:
                return new AlternativeNode(Compile(alternative.Left, scope, level), Compile(alternative.Right, scope, level));

            case IfAst choice:
                return new IfNode(
                    Compile(choice.Condition, scope, level),
                    Compile(choice.Then, scope, level),
                    choice.Else is null ? IdentityNode.Instance : Compile(choice.Else, scope, level));

            case TryAst attempt:
                return new TryNode(Compile(attempt.Body, scope, level), attempt.Handler is null ? null : Compile(attempt.Handler, scope, level));

            case ArrayAst array:
                return array.Body is null ? new ConstantNode(JqValue.From(JqArray.Of([]))) : new CollectNode(Compile(array.Body, scope, level));

            case ObjectAst obj:
                return new ObjectNode([.. obj.Fields.SelectMany(f => new[] { Compile(f.Key, scope, level), Compile(f.Value, scope, level) })]);

            case VariableAst variable:
                return Variable(variable, scope, level);

            case BindAst bind:
                return Bind(bind, scope, level);

            case ReduceAst or ForeachAst:
                return Fold(ast, scope, level);

            case AssignAst or ModifyAst or UpdateAst:
                return Assignment(ast, scope, level);

            case DefineAst define:
                var defined = new FunctionScope(scope, define.Function.Name, define.Function, level, _unit);
                var rest = Compile(define.Rest, defined, level);
                CheckUnused(defined);
                return rest;

            case LabelAst label:
                return new LabelNode(Compile(label.Body, new LabelScope(scope, label.Name, level), level + 1));

            case BreakAst end:
                return Find<LabelScope>(scope, end.Name) is { } target
                    ? new BreakNode(level - target.Level - 1)
                    : Problem($"$*label-{end.Name} is not defined", end.Span);

            case CallAst call:
                return Call(call, scope, level);

            default:
                throw new InvalidOperationException($"No node for {ast.GetType().Name}.");
        }
    }

    private Node CompileOrNull(Ast? ast, Scope? scope, int level) => ast is null ? new ConstantNode(default) : Compile(ast, scope, level);

    private static Node Pipe(Node left, Node right) =>
        ReferenceEquals(left, IdentityNode.Instance) ? right : ReferenceEquals(right, IdentityNode.Instance) ? left : new PipeNode(left, right);

    private static Func<Machine, JqValue, JqValue, JqValue> FunctionOf(BinaryOperator op) => op switch
    {
        BinaryOperator.Add => Arithmetic.Add,
        BinaryOperator.Subtract => Arithmetic.Subtract,
        BinaryOperator.Multiply => Arithmetic.Multiply,
        BinaryOperator.Divide => Arithmetic.Divide,
        BinaryOperator.Modulo => Arithmetic.Modulo,
        BinaryOperator.Equal => Arithmetic.Equal,
        BinaryOperator.NotEqual => Arithmetic.NotEqual,
        BinaryOperator.Less => Arithmetic.Less,
        BinaryOperator.LessOrEqual => Arithmetic.LessOrEqual,
        BinaryOperator.Greater => Arithmetic.Greater,
        _ => Arithmetic.GreaterOrEqual,
    };

    /// <summary>An unknown format is an error of the program where it is used, as in jq, so that it can be caught.</summary>
    private static Func<Machine, JqValue, JqValue> FormatOf(string name) =>
        Formats.Find(name) ?? ((_, _) => Errors.Raise($"{name} is not a valid format"));

    private TemplateNode Template(TemplateAst template, Scope? scope, int level)
    {
        var texts = template.Parts.Select(p => p.IsText ? ((LiteralAst)p.Part).Value.GetString() : null).ToArray();
        var parts = template.Parts.Where(p => !p.IsText).Select(p => Compile(p.Part, scope, level)).ToArray();
        return new(texts, FormatOf(template.Format ?? "text"), parts);
    }

    private Node Variable(VariableAst variable, Scope? scope, int level)
    {
        for (var s = scope; s is not null; s = s.Parent)
        {
            if (s is VariableScope && s.Name == variable.Name)
            {
                return new VariableNode(level - s.Level - 1);
            }

            if (s is ConstantScope constant && s.Name == variable.Name)
            {
                return new ConstantNode(constant.Value);
            }
        }

        if (_globals.TryGetValue(variable.Name, out var index))
        {
            return new GlobalNode(index);
        }

        if (variable.Name == "ENV")
        {
            Refuse("$ENV", variable.Span);
            return new Native0Node((m, _) => m.Host.Environment);
        }

        return Problem($"${variable.Name} is not defined", variable.Span);
    }

    private static T? Find<T>(Scope? scope, string name)
        where T : Scope
    {
        for (; scope is not null; scope = scope.Parent)
        {
            if (scope is T found && found.Name == name)
            {
                return found;
            }
        }

        return null;
    }

    private Node Fold(Ast ast, Scope? scope, int level)
    {
        var (source, patterns, init, update, extract) = ast switch
        {
            ReduceAst r => (r.Source, r.Patterns, r.Init, r.Update, null),
            ForeachAst f => (f.Source, f.Patterns, f.Init, f.Update, f.Extract),
            _ => throw new InvalidOperationException(),
        };

        // One variable is bound by the node itself; any other pattern takes it apart inside.
        var name = patterns is [VariablePattern only] ? only.Name : " item";
        Ast Inside(Ast body) => patterns is [VariablePattern] ? body : new BindAst(body.Span, new VariableAst(body.Span, name), patterns, body);
        var inner = new VariableScope(scope, name, level);
        var from = Compile(source, scope, level);
        var start = Compile(init, scope, level);
        var next = Compile(Inside(update), inner, level + 1);
        return ast is ReduceAst
            ? new ReduceNode(from, start, next)
            : new ForeachNode(from, start, next, extract is null ? IdentityNode.Instance : Compile(Inside(extract), inner, level + 1));
    }

    /// <summary>
    /// <c>a = b</c> is <c>b as $v | reduce path(a) as $p (.; setpath($p; $v))</c>, <c>a op= b</c> is
    /// <c>b as $v | a |= (. op $v)</c>.
    /// </summary>
    private Node Assignment(Ast ast, Scope? scope, int level)
    {
        if (ast is ModifyAst modify)
        {
            return new ModifyNode(Compile(modify.Target, scope, level), Compile(modify.Update, scope, level));
        }

        // A name that no program can write keeps the value apart from the target's own names.
        var inner = new VariableScope(scope, " value", level);
        if (ast is AssignAst assign)
        {
            var paths = new PathOfNode(Compile(assign.Target, inner, level + 1));
            var set = new NativeNode((m, input, values) => Access.SetPath(input, values[0], values[1], m.Meter), [new VariableNode(0), new VariableNode(1)]);
            return new BindNode(Compile(assign.Value, scope, level), new ReduceNode(paths, IdentityNode.Instance, set));
        }

        var update = (UpdateAst)ast;
        var value = new VariableNode(0);
        Node change = update.Operator is { } op
            ? new BinaryNode(FunctionOf(op), IdentityNode.Instance, value)
            : new AlternativeNode(IdentityNode.Instance, value);
        return new BindNode(Compile(update.Value, scope, level), new ModifyNode(Compile(update.Target, inner, level + 1), change));
    }

    private Node Problem(string message, Span span)
    {
        _problems.Add(_unit.Source.Problem(message, span));
        return EmptyNode.Instance;
    }

    private void Refuse(string name, Span span)
    {
        if (_options.Deterministic && !_unit.IsPrelude)
        {
            Problem($"{name} is not allowed in a deterministic program", span);
        }
    }
}
