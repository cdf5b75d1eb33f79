using Baton.Jq.Syntax;

namespace Baton.Jq.Compile;

/// <summary>The names visible at a place in the program: a chain, innermost first.</summary>
/// <param name="Level">Links of the run-time chain that lie below what the name stands for.</param>
internal abstract record Scope(Scope? Parent, string Name, int Level);

internal sealed record VariableScope(Scope? Parent, string Name, int Level) : Scope(Parent, Name, Level);

internal sealed record LabelScope(Scope? Parent, string Name, int Level) : Scope(Parent, Name, Level);

/// <summary>A filter parameter of a function that is called for real.</summary>
internal sealed record ParameterScope(Scope? Parent, string Name, int Level) : Scope(Parent, Name, Level);

/// <summary>A filter parameter of a function that is being expanded in place: the argument, and where it was written.</summary>
internal sealed record ArgumentScope(Scope? Parent, string Name, Ast Argument, Scope? Origin, Unit Unit) : Scope(Parent, Name, 0);

/// <summary>A value known while compiling: data of a module.</summary>
internal sealed record ConstantScope(Scope? Parent, string Name, JqValue Value) : Scope(Parent, Name, 0);

/// <summary>A function; <see cref="Code"/> is compiled when something first calls it for real.</summary>
internal sealed record FunctionScope(Scope? Parent, string Name, FunctionAst Function, int Level, Unit Unit) : Scope(Parent, Name, Level)
{
    public FunctionCode? Code { get; set; }

    /// <summary>Something calls it, so that it needs no check of its own.</summary>
    public bool IsUsed { get; set; }

    public bool IsRecursive { get; } = CallFinder.Calls(Function.Body, Name, Function.Parameters.Count);
}

/// <summary>The functions of an imported module, under its prefix or, for include, without one.</summary>
/// <param name="Exports">The innermost scope of the module; its chain ends where the built-in functions begin.</param>
internal sealed record ModuleScope(Scope? Parent, string? Prefix, Scope? Exports) : Scope(Parent, Prefix ?? "", 0);

/// <summary>The source that code was written in: for messages, and for what only the prelude may do.</summary>
internal sealed record Unit(SourceText Source, bool IsPrelude);
