using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>Functions: those of the program, of modules, of the prelude, and the native ones.</summary>
internal sealed partial class Compiler
{
    private Node Call(CallAst call, Scope? scope, int level)
    {
        for (var s = scope; s is not null; s = s.Parent)
        {
            switch (s)
            {
                case ParameterScope when s.Name == call.Name && call.Arguments.Count == 0:
                    return new ParameterNode(level - s.Level - 1);

                case ArgumentScope argument when s.Name == call.Name && call.Arguments.Count == 0:
                    return CompileIn(argument.Unit, argument.Argument, argument.Origin, level);

                case FunctionScope function when Matches(function, call.Name):
                    return Invoke(function, call, scope, level);

                case ModuleScope module when Exported(module, call) is { } found:
                    return Invoke(found, call, scope, level);
            }
        }

        return Builtin(call, scope, level);

        bool Matches(FunctionScope function, string name) =>
            function.Name == name && function.Function.Parameters.Count == call.Arguments.Count;

        FunctionScope? Exported(ModuleScope module, CallAst call)
        {
            var name = call.Name;
            if (module.Prefix is { } prefix)
            {
                if (!name.StartsWith(prefix + "::", StringComparison.Ordinal))
                {
                    return null;
                }

                name = name[(prefix.Length + 2)..];
            }

            for (var s = module.Exports; s is not null; s = s.Parent)
            {
                if (s is FunctionScope function && Matches(function, name))
                {
                    return function;
                }

                if (s is ModuleScope { Prefix: null } included && Exported(included, call with { Name = name }) is { } deeper)
                {
                    return deeper;
                }
            }

            return null;
        }
    }

    private Node Invoke(FunctionScope function, CallAst call, Scope? scope, int level)
    {
        function.IsUsed = true;
        if (!function.IsRecursive && _nodes < ExpansionBudget && _expansionDepth < MaxExpansionDepth)
        {
            _expansionDepth++;
            var expanded = Expand(function, call, scope, level);
            _expansionDepth--;
            return expanded;
        }

        var arguments = new Node[call.Arguments.Count];
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = Compile(call.Arguments[i], scope, level);
        }

        return new CallNode(CodeOf(function), level - function.Level, arguments);
    }

    /// <summary>The body in place of the call; a <c>$x</c> parameter is bound around it, the first varying slowest.</summary>
    private Node Expand(FunctionScope function, CallAst call, Scope? scope, int level)
    {
        Scope inner = function;
        var values = new List<Node>();
        for (var i = 0; i < call.Arguments.Count; i++)
        {
            var name = function.Function.Parameters[i];
            if (name[0] == '$')
            {
                values.Add(Compile(call.Arguments[i], scope, level + values.Count));
                inner = new VariableScope(inner, name[1..], level + values.Count - 1);
            }

            inner = new ArgumentScope(inner, name.TrimStart('$'), call.Arguments[i], scope, _unit);
        }

        var body = CompileIn(function.Unit, function.Function.Body, inner, level + values.Count);
        for (var i = values.Count - 1; i >= 0; i--)
        {
            body = new BindNode(values[i], body);
        }

        return body;
    }

    private Node CompileIn(Unit unit, Ast ast, Scope? scope, int level)
    {
        var outer = _unit;
        _unit = unit;
        var node = Compile(ast, scope, level);
        _unit = outer;
        return node;
    }

    /// <summary>Functions that nothing calls are compiled all the same, for their problems' sake.</summary>
    private void CheckUnused(Scope? scope)
    {
        for (; scope is FunctionScope { Unit.IsPrelude: false } function; scope = scope.Parent)
        {
            if (!function.IsUsed)
            {
                function.IsUsed = true;
                CodeOf(function);
            }
        }
    }

    private FunctionCode CodeOf(FunctionScope function)
    {
        if (function.Code is { } known)
        {
            return known;
        }

        var code = function.Code = new FunctionCode();
        Scope scope = function;
        var level = function.Level;
        foreach (var parameter in function.Function.Parameters)
        {
            scope = new ParameterScope(scope, parameter.TrimStart('$'), level++);
        }

        // Values are bound inside, from the filters given.
        var firstParameter = function.Level;
        var values = new List<Node>();
        for (var i = 0; i < function.Function.Parameters.Count; i++)
        {
            if (function.Function.Parameters[i] is ['$', .. var name])
            {
                values.Add(new ParameterNode(level - (firstParameter + i) - 1));
                scope = new VariableScope(scope, name, level++);
            }
        }

        var body = CompileIn(function.Unit, function.Function.Body, scope, level);
        for (var i = values.Count - 1; i >= 0; i--)
        {
            body = new BindNode(values[i], body);
        }

        code.Body = body;
        return code;
    }

    private Node Builtin(CallAst call, Scope? scope, int level)
    {
        var signature = $"{call.Name}/{call.Arguments.Count}";
        if (_options.Deterministic && !_unit.IsPrelude && Deterministic.IsRefused(signature))
        {
            return Problem($"{call.Name} is not allowed in a deterministic program", call.Span);
        }

        if (Special(signature, call, scope, level) is { } special)
        {
            return special;
        }

        if (Builtins.Find(signature) is { } native)
        {
            return native(call.Arguments.Select(a => Compile(a, scope, level)).ToArray());
        }

        if (Prelude.Find(signature) is { } function && (_unit.IsPrelude || call.Name[0] != '_'))
        {
            if (!_prelude.TryGetValue(function, out var known))
            {
                known = new FunctionScope(null, function.Name, function, 0, Prelude.Unit);
                _prelude.Add(function, known);
            }

            return Invoke(known, call, scope, level);
        }

        return Problem($"{signature} is not defined", call.Span);
    }

    /// <summary>Functions whose arguments are not simply values, or that the compiler must know.</summary>
    private Node? Special(string signature, CallAst call, Scope? scope, int level)
    {
        switch (signature)
        {
            case "empty/0":
                return EmptyNode.Instance;

            case "true/0" or "false/0" or "null/0":
                return new ConstantNode(signature[0] == 'n' ? default : JqValue.From(signature[0] == 't'));

            case "recurse/0":
                return RecurseNode.Instance;

            case "path/1":
                return new PathOfNode(Argument(0));

            case "getpath/1":
                return new GetPathNode(Argument(0));

            case "first/1":
                return new FirstNode(Argument(0));

            case "last/1":
                return new LastNode(Argument(0));

            case "isempty/1":
                return new IsEmptyNode(Argument(0));

            case "limit/2":
                return new LimitNode(Argument(0), Argument(1));

            case "range/1":
                return Range(new ConstantNode(0.0), Argument(0), new ConstantNode(1.0));

            case "range/2":
                return Range(Argument(0), Argument(1), new ConstantNode(1.0));

            case "range/3":
                return Range(Argument(0), Argument(1), Argument(2));

            case "inputs/0":
                return InputsNode.Instance;

            case "builtins/0":
                return new ConstantNode(JqValue.FromArray(Prelude.PublicSignatures.Select(s => (JqValue)s)));

            case "modulemeta/0":
                return new Native0Node((m, input) => _modules.Metadata(input));

            default:
                return null;
        }

        Node Argument(int index) => Compile(call.Arguments[index], scope, level);
    }

    /// <summary>Bounds of several outputs are bound one after another, the first varying slowest.</summary>
    private static Node Range(Node from, Node upto, Node by) =>
        from.IsSimple && upto.IsSimple && by.IsSimple
            ? new RangeNode(from, upto, by)
            : new RangeBindNode(from, upto, by);

    private Scope? Imports(ModuleAst module, Scope? scope, string? importer)
    {
        foreach (var import in module.Imports)
        {
            scope = Import(import, scope, importer);
        }

        return scope;
    }

    private Scope? Import(ImportAst import, Scope? scope, string? importer)
    {
        if (_modules.Load(import, importer) is not { } loaded)
        {
            Problem($"module not found: {import.Path}", import.Span);
            return scope;
        }

        if (import.IsData)
        {
            var name = import.Alias![1..];
            scope = new ConstantScope(scope, $"{name}::{name}", loaded.Data);
            return new ConstantScope(scope, name, loaded.Data);
        }

        if (_modules.IsLoading(loaded.Origin))
        {
            Problem($"module imports itself: {import.Path}", import.Span);
            return scope;
        }

        if (!_modules.Scopes.TryGetValue(loaded.Origin, out var exports))
        {
            var outer = _unit;
            _unit = new(loaded.Source, IsPrelude: false);
            using (_modules.Enter(loaded.Origin))
            {
                exports = Imports(loaded.Module, null, loaded.Origin);
                foreach (var function in loaded.Module.Functions)
                {
                    exports = new FunctionScope(exports, function.Name, function, 0, _unit);
                }

                CheckUnused(exports);
            }

            _unit = outer;
            _modules.Scopes.Add(loaded.Origin, exports);
        }

        return new ModuleScope(scope, import.Alias, exports);
    }
}
