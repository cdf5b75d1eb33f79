using System.Collections.Immutable;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Validate;

namespace Baton.Flows.Parse;

/// <content>Tasks, one method per kind. Calls are in FlowReader.Calls.cs.</content>
public sealed partial class FlowReader
{
    private static readonly string[] TaskKinds = ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];

    private ImmutableArray<FlowTask> ReadTasks(SourceNode? node, string pointer, VariableScope scope)
    {
        if (node is null)
        {
            return [];
        }
        if (node.Kind != SourceKind.Sequence)
        {
            _problems.Error(FlowCodes.WrongType, node.Position, pointer, $"A task list must be a list, not {node.Describe()}.", "Begin each task with '- name:'.");
            return [];
        }
        var tasks = ImmutableArray.CreateBuilder<FlowTask>(node.Items.Length);
        var names = new Dictionary<string, SourcePosition>();
        for (var i = 0; i < node.Items.Length; i++)
        {
            if (SingleEntry(node.Items[i], $"{pointer}/{i}", "A task") is not { } entry)
            {
                continue;
            }
            if (names.TryGetValue(entry.Key, out var first))
            {
                _problems.Error(FlowCodes.DuplicateTask, entry.KeyPosition, $"{pointer}/{i}", $"A task named '{entry.Key}' is already defined at {first}.", "Give each task of a list a name of its own.");
            }
            else
            {
                names.Add(entry.Key, entry.KeyPosition);
            }
            if (entry.Key is "continue" or "exit" or "end")
            {
                _problems.Error(FlowCodes.WrongValue, entry.KeyPosition, $"{pointer}/{i}", $"A task cannot be named '{entry.Key}', which is a flow directive.", "Rename the task.");
            }
            var at = $"{pointer}/{i}/{JsonPointer.Escape(entry.Key)}";
            // A task with problems keeps its place, so that what names it is not reported as well.
            tasks.Add(ReadTask(entry.Key, entry.Value, at, scope) ?? new DoTask { Name = entry.Key, Pointer = at, Source = entry.Value, Tasks = [] });
        }
        return tasks.ToImmutable();
    }

    private FlowTask? ReadTask(string name, SourceNode node, string pointer, VariableScope scope)
    {
        if (node.Kind != SourceKind.Mapping)
        {
            _problems.Error(FlowCodes.WrongTask, node.Position, pointer, $"The task '{name}' is {node.Describe()}.", $"Say what it does with one of: {string.Join(", ", TaskKinds)}.");
            return null;
        }
        var map = new MapReader(node, pointer, $"The task '{name}'", _problems);
        var kinds = TaskKinds.Where(map.Has).ToList();
        if (kinds.Contains("for"))
        {
            kinds.Remove("do");
        }
        if (kinds.Count != 1)
        {
            var near = kinds.Count == 0 ? node.Entries.Select(e => MapReader.Suggest(e.Key, TaskKinds)).FirstOrDefault(s => s.Length > 0) ?? "" : "";
            _problems.Error(FlowCodes.WrongTask, node.Position, pointer,
                kinds.Count == 0 ? $"The task '{name}' does not say what it does." : $"The task '{name}' is several at once: {string.Join(", ", kinds)}.",
                $"Give exactly one of: {string.Join(", ", TaskKinds)}.{near}");
            return null;
        }
        FlowTask? task = kinds[0] switch
        {
            "call" => ReadCall(map, name, scope),
            "do" => new DoTask { Name = name, Pointer = pointer, Source = node, Tasks = ReadTasks(map.Required("do"), map.At("do"), scope) },
            "emit" => ReadEmit(map, name, scope),
            "for" => ReadFor(map, name, scope),
            "fork" => ReadFork(map, name, scope),
            "listen" => ReadListen(map, name, scope),
            "raise" => ReadRaise(map, name, scope),
            "run" => ReadRun(map, name, scope),
            "set" => ReadSet(map, name, scope),
            "switch" => ReadSwitch(map, name, scope),
            "try" => ReadTry(map, name, scope),
            _ => ReadWait(map, name, scope),
        };
        var (condition, input, output, export, timeout) = (ReadCondition(map, "if", scope), map.Optional("input"), map.Optional("output"), map.Optional("export"), ReadTimeout(map, scope));
        var then = ReadDirective(map, "then");
        map.Names("metadata");
        map.End();
        return task is null ? null : task with
        {
            If = condition,
            Input = input is null ? null : ReadInput(input, map.At("input"), scope),
            Output = output is null ? null : ReadOutput(output, map.At("output"), scope),
            Export = export is null ? null : ReadExport(export, map.At("export"), scope),
            Timeout = timeout,
            Then = then ?? FlowDirective.Continue,
        };
    }

    private static FlowDirective? ReadDirective(MapReader map, string key) =>
        map.Text(key) is { } text ? new FlowDirective(text, map.Node.Find(key)!.Position) : null;

    private EmitTask? ReadEmit(MapReader map, string name, VariableScope scope)
    {
        var emit = new MapReader(map.Optional("emit")!, map.At("emit"), "emit", _problems);
        var definition = emit.Required("event");
        emit.End();
        if (definition is null)
        {
            return null;
        }
        var with = new MapReader(definition, emit.At("event"), "An event to emit", _problems).Required("with");
        if (with is null)
        {
            return null;
        }
        var attributes = new MapReader(with, emit.At("event") + "/with", "An event to emit", _problems);
        attributes.Required("type");
        if (!attributes.Has("source"))
        {
            _problems.Warning(FlowCodes.Missing, with.Position, attributes.Pointer, "The event has no 'source'; the flow's own is used.", "Add 'source'.");
        }
        foreach (var entry in with.Entries.Where(e => e.Key != "data" && e.Value.Kind is SourceKind.Mapping or SourceKind.Sequence or SourceKind.Null))
        {
            attributes.WrongType(entry.Value, entry.Key, "a string, a number or a boolean");
        }
        return new EmitTask { Name = name, Pointer = map.Pointer, Source = map.Node, Event = _expressions.Template(with, attributes.Pointer, scope) };
    }

    private ForTask? ReadFor(MapReader map, string name, VariableScope scope)
    {
        var loop = new MapReader(map.Optional("for")!, map.At("for"), "for", _problems);
        var each = ReadVariable(loop, "each", "item");
        var at = ReadVariable(loop, "at", "index");
        var source = loop.Required("in");
        loop.End();
        var inner = scope.With(each, at);
        var tasks = ReadTasks(map.Required("do"), map.At("do"), inner);
        var condition = ReadCondition(map, "while", inner);
        FlowTemplate? items = null;
        switch (source?.Kind)
        {
            case SourceKind.String:
                items = FlowTemplate.Of(_expressions.Compile(source.Text!, source.Position, loop.At("in"), scope));
                break;
            case SourceKind.Sequence:
                if (source.Items.FirstOrDefault(item => item.Kind != SourceKind.Mapping) is { } other)
                {
                    _problems.Warning(FlowCodes.WrongType, other.Position, loop.At("in"), "The public schema allows only objects as items of an inline list.", "Use an expression such as '${ [1, 2] }' to stay portable.");
                }
                items = _expressions.Template(source, loop.At("in"), scope);
                break;
            case not null:
                loop.WrongType(source, "in", "an expression (a string) or a list");
                break;
        }
        return items is null ? null : new ForTask { Name = name, Pointer = map.Pointer, Source = map.Node, Each = each, At = at, In = items, While = condition, Tasks = tasks };
    }

    private ForkTask ReadFork(MapReader map, string name, VariableScope scope)
    {
        var fork = new MapReader(map.Optional("fork")!, map.At("fork"), "fork", _problems);
        var branches = ReadTasks(fork.Required("branches"), fork.At("branches"), scope);
        var compete = fork.Flag("compete", false);
        fork.End();
        return new ForkTask { Name = name, Pointer = map.Pointer, Source = map.Node, Branches = branches, Compete = compete };
    }

    private ListenTask? ReadListen(MapReader map, string name, VariableScope scope)
    {
        var listen = new MapReader(map.Optional("listen")!, map.At("listen"), "listen", _problems);
        var to = listen.Required("to") is { } node ? ReadStrategy(node, listen.At("to"), scope) : null;
        var read = ReadAs(listen);
        listen.End();
        var iterator = ReadIterator(map.Optional("foreach"), map.At("foreach"), scope);
        return to is null ? null : new ListenTask { Name = name, Pointer = map.Pointer, Source = map.Node, To = to, Read = read, Foreach = iterator };
    }

    private RaiseTask? ReadRaise(MapReader map, string name, VariableScope scope)
    {
        var raise = new MapReader(map.Optional("raise")!, map.At("raise"), "raise", _problems);
        var error = raise.Required("error");
        raise.End();
        return error?.Kind switch
        {
            null => null,
            SourceKind.String => new RaiseTask { Name = name, Pointer = map.Pointer, Source = map.Node, Reference = error.Text },
            _ => new RaiseTask { Name = name, Pointer = map.Pointer, Source = map.Node, Error = ReadError(error, raise.At("error"), scope) },
        };
    }

    private RunTask? ReadRun(MapReader map, string name, VariableScope scope)
    {
        var run = new MapReader(map.Optional("run")!, map.At("run"), "run", _problems);
        var wait = run.Flag("await", true);
        var result = Enum.Parse<FlowReturn>(run.Choice("return", "stdout", "stdout", "stderr", "code", "all", "none")!, ignoreCase: true);
        string[] processes = ["container", "script", "shell", "workflow"];
        var given = processes.Where(run.Has).ToList();
        run.Ignore(processes).End();
        if (given.Count != 1)
        {
            _problems.Error(FlowCodes.WrongChoice, run.Node.Position, run.Pointer, "'run' needs exactly one process.", $"Give one of: {string.Join(", ", processes)}.");
            return null;
        }
        var process = new MapReader(run.Node.Find(given[0])!, run.At(given[0]), $"'{given[0]}'", _problems);
        var source = CheckProcess(process, given[0], scope);
        return new RunTask
        {
            Name = name,
            Pointer = map.Pointer,
            Source = map.Node,
            Process = Enum.Parse<FlowProcess>(given[0], ignoreCase: true),
            Properties = _expressions.Template(Without(process.Node, "source"), process.Pointer, scope),
            ScriptSource = source,
            Await = wait,
            Return = result,
        };
    }

    private FlowEndpoint? CheckProcess(MapReader process, string kind, VariableScope scope)
    {
        FlowEndpoint? source = null;
        switch (kind)
        {
            case "container":
                process.Text("image", required: true);
                process.Choice("pullPolicy", "ifNotPresent", "ifNotPresent", "always", "never");
                process.Names("ports");
                process.Names("volumes");
                process.Text("name");
                process.Text("command");
                if (process.Optional("lifetime") is { } node)
                {
                    var lifetime = new MapReader(node, process.At("lifetime"), "A container's lifetime", _problems);
                    lifetime.Required("cleanup");
                    var cleanup = lifetime.Choice("cleanup", "never", "always", "never", "eventually");
                    var after = ReadDuration(lifetime.Optional("after"), lifetime.At("after"), scope);
                    if (cleanup == "eventually" != after is not null)
                    {
                        _problems.Error(FlowCodes.WrongChoice, node.Position, lifetime.Pointer, "'after' goes with cleanup 'eventually', and only with it.", "Add or remove 'after'.");
                    }
                    lifetime.End();
                }
                break;
            case "script":
                process.Text("language", required: true);
                if (process.Has("language") && process.Node.Find("language")!.Text is { } language && language is not ("js" or "javascript" or "python"))
                {
                    _problems.Error(FlowCodes.WrongValue, process.Node.Find("language")!.Position, process.At("language"), $"Scripts in '{language}' are not known.", "Use 'js' or 'python'.");
                }
                if (process.Has("code") == process.Has("source"))
                {
                    _problems.Error(FlowCodes.WrongChoice, process.Node.Position, process.Pointer, "A script needs either 'code' or 'source'.", "Give exactly one of them.");
                }
                process.Text("code");
                source = ReadResource(process.Optional("source"), process.At("source"), scope);
                break;
            case "shell":
                process.Text("command", required: true);
                break;
            default:
                if (!process.Has("namespace"))
                {
                    _problems.Warning(FlowCodes.Missing, process.Node.Position, process.Pointer, "The subflow has no 'namespace'; this flow's own is used.", "Add 'namespace'.");
                }
                process.Text("namespace");
                process.Text("name", required: true);
                process.Text("version");
                process.Optional("input");
                process.End();
                return null;
        }
        process.Text("stdin");
        process.Optional("arguments");
        process.Names("environment");
        process.End();
        return source;
    }

    private SetTask? ReadSet(MapReader map, string name, VariableScope scope)
    {
        var value = map.Optional("set")!;
        if (value.Kind is not (SourceKind.String or SourceKind.Mapping))
        {
            map.WrongType(value, "set", "an object or an expression (a string)");
            return null;
        }
        if (value.Kind == SourceKind.Mapping && value.Entries.Length == 0)
        {
            _problems.Error(FlowCodes.Missing, value.Position, map.At("set"), "'set' sets nothing.", "Add at least one property.");
        }
        return new SetTask { Name = name, Pointer = map.Pointer, Source = map.Node, Value = _expressions.Template(value, map.At("set"), scope) };
    }

    private SwitchTask ReadSwitch(MapReader map, string name, VariableScope scope)
    {
        var cases = ImmutableArray.CreateBuilder<FlowCase>();
        var items = map.List("switch");
        if (items.Length == 0)
        {
            _problems.Error(FlowCodes.Missing, map.Node.Find("switch")!.Position, map.At("switch"), "'switch' has no case.", "Add at least one case with 'when' and 'then'.");
        }
        for (var i = 0; i < items.Length; i++)
        {
            if (SingleEntry(items[i], $"{map.At("switch")}/{i}", "A case") is not { } entry)
            {
                continue;
            }
            var one = new MapReader(entry.Value, $"{map.At("switch")}/{i}/{JsonPointer.Escape(entry.Key)}", "A case", _problems);
            var when = ReadCondition(one, "when", scope);
            one.Required("then");
            var then = ReadDirective(one, "then");
            one.End();
            if (when is null && !one.Has("when") && cases.Any(c => c.When is null))
            {
                _problems.Error(FlowCodes.WrongChoice, entry.KeyPosition, one.Pointer, "'switch' has two default cases.", "Give all cases but one a 'when'.");
            }
            cases.Add(new FlowCase(entry.Key, when, then ?? FlowDirective.Continue));
        }
        return new SwitchTask { Name = name, Pointer = map.Pointer, Source = map.Node, Cases = cases.ToImmutable() };
    }

    private TryTask ReadTry(MapReader map, string name, VariableScope scope)
    {
        var tasks = ReadTasks(map.Optional("try"), map.At("try"), scope);
        var node = map.Required("catch");
        return new TryTask { Name = name, Pointer = map.Pointer, Source = map.Node, Tasks = tasks, Catch = node is null ? new FlowCatch() : ReadCatch(node, map.At("catch"), scope) };
    }

    private FlowCatch ReadCatch(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "catch", _problems);
        var errors = ImmutableArray.CreateBuilder<KeyValuePair<string, SourceNode>>();
        if (map.Optional("errors") is { } filter)
        {
            var with = new MapReader(filter, map.At("errors"), "'errors' of catch", _problems);
            foreach (var entry in with.Names("with"))
            {
                if (entry.Key is not ("type" or "status" or "instance" or "title" or "detail"))
                {
                    _problems.Error(FlowCodes.Unknown, entry.KeyPosition, with.At("with"), $"An error has no '{entry.Key}'.", "Use type, status, instance, title or detail.");
                }
                else if (entry.Value.Kind != (entry.Key == "status" ? SourceKind.Number : SourceKind.String))
                {
                    _problems.Error(FlowCodes.WrongType, entry.Value.Position, with.At("with"), $"'{entry.Key}' must be {(entry.Key == "status" ? "a number" : "a string")}, not {entry.Value.Describe()}.", "Correct the value.");
                }
                errors.Add(new(entry.Key, entry.Value));
            }
            with.End();
        }
        var variable = ReadVariable(map, "as", "error");
        var inner = scope.With(variable);
        var retry = map.Optional("retry");
        var result = new FlowCatch
        {
            Errors = errors.ToImmutable(),
            As = variable,
            When = ReadCondition(map, "when", inner),
            ExceptWhen = ReadCondition(map, "exceptWhen", inner),
            Retry = retry is null || retry.Kind == SourceKind.String ? null : ReadRetry(retry, map.At("retry"), inner.With("error")),
            RetryReference = retry?.Kind == SourceKind.String ? retry.Text : null,
            RetryPosition = retry?.Position ?? default,
            Do = ReadTasks(map.Optional("do"), map.At("do"), inner),
            Then = ReadDirective(map, "then"),
        };
        map.End();
        return result;
    }

    private WaitTask? ReadWait(MapReader map, string name, VariableScope scope) =>
        ReadDuration(map.Optional("wait"), map.At("wait"), scope) is { } duration
            ? new WaitTask { Name = name, Pointer = map.Pointer, Source = map.Node, Duration = duration }
            : null;

    private static SourceNode Without(SourceNode node, params string[] keys) =>
        SourceNode.Mapping([.. node.Entries.Where(e => !keys.Contains(e.Key))], node.Position);
}
