using System.Text.Json.Nodes;
using Baton.Jq.Compile;
using Baton.Jq.Syntax;

namespace Baton.Jq;

/// <summary>A parsed jq program. Immutable: parse once, evaluate as often and on as many threads as wanted.</summary>
public sealed class JqProgram
{
    private readonly Node _root;
    private readonly IReadOnlyDictionary<string, int> _globals;
    private readonly bool _isDeterministic;

    private JqProgram(string text, Ast? body, Node root, IReadOnlyDictionary<string, int> globals, bool isDeterministic)
    {
        Text = text;
        IsSelection = body is null || InputUse.IsSelection(body);
        ReadsInput = body is null || InputUse.ReadsInput(body);
        _root = root;
        _globals = globals;
        _isDeterministic = isDeterministic;
    }

    /// <summary>The text it was parsed from.</summary>
    public string Text { get; }

    /// <summary>True if the program only moves values: it picks parts by fixed paths and puts them together, and computes nothing.</summary>
    public bool IsSelection { get; }

    /// <summary>False if its outputs depend on its variables only. Told from the syntax: true where that leaves a doubt.</summary>
    public bool ReadsInput { get; }

    /// <summary>Parses and checks a program: syntax, undefined functions and variables, and what the options refuse.</summary>
    /// <exception cref="JqSyntaxException">The first fault in syntax, or every fault in names.</exception>
    public static JqProgram Parse(string filter, JqOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(filter);
        options ??= JqOptions.Default;
        var source = new SourceText("<top-level>", filter);
        if (filter.Length > options.MaxFilterLength)
        {
            throw source.Failure($"Program is longer than {options.MaxFilterLength} characters", new(0, 1));
        }

        var compiler = new Compiler(source, options);
        var module = Parser.Parse(source);
        var root = compiler.CompileProgram(module);
        return new(filter, module.Functions.Count == 0 ? module.Body : new FormatAst(default, ""), root, compiler.Globals, options.Deterministic);
    }

    /// <summary>Evaluates lazily: work is done as outputs are asked for. Each enumeration starts anew.</summary>
    /// <param name="variables">Values of the variables that <see cref="JqOptions.Variables"/> named, with or without <c>$</c>.</param>
    /// <param name="limits">Default: <see cref="JqLimits.Default"/>. They hold for each enumeration as a whole.</param>
    /// <param name="host">Default: <see cref="JqHost.Default"/>.</param>
    /// <exception cref="JqRuntimeException">While enumerating: an error that the program did not catch.</exception>
    /// <exception cref="JqLimitException">While enumerating.</exception>
    /// <exception cref="JqHaltException">While enumerating: the program halted.</exception>
    public IEnumerable<JqValue> Evaluate(
        JqValue input, IReadOnlyDictionary<string, JqValue>? variables = null, JqLimits? limits = null, JqHost? host = null)
    {
        var globals = Bind(variables);
        return Run(input, globals, limits ?? JqLimits.Default, host ?? JqHost.Default);
    }

    /// <inheritdoc cref="Evaluate(JqValue, IReadOnlyDictionary{string, JqValue}?, JqLimits?, JqHost?)"/>
    public IEnumerable<JqValue> Evaluate(
        JsonNode? input, IReadOnlyDictionary<string, JqValue>? variables = null, JqLimits? limits = null, JqHost? host = null) =>
        Evaluate(JqValue.From(input), variables, limits, host);

    /// <summary>Evaluates on each input in turn with one machine, as the runner does.</summary>
    internal (Machine Machine, Node Root) Prepare(IReadOnlyDictionary<string, JqValue>? variables, JqLimits limits, JqHost host) =>
        (new Machine(new Meter(limits), Bind(variables), host, _isDeterministic), _root);

    private IEnumerable<JqValue> Run(JqValue input, JqValue[] globals, JqLimits limits, JqHost host)
    {
        var meter = new Meter(limits);
        var machine = new Machine(meter, globals, host, _isDeterministic);
        machine.Start(_root, input);
        while (machine.MoveNext())
        {
            meter.ChargeOutput(machine.Value);
            yield return machine.Value;
        }
    }

    private JqValue[] Bind(IReadOnlyDictionary<string, JqValue>? variables)
    {
        var values = _globals.Count == 0 ? [] : new JqValue[_globals.Count];
        foreach (var (name, value) in variables ?? new Dictionary<string, JqValue>())
        {
            if (_globals.TryGetValue(name.TrimStart('$'), out var index))
            {
                values[index] = value;
            }
        }

        return values;
    }
}
