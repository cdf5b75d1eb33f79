using System.Collections.Immutable;

namespace Baton.Jq;

/// <summary>How a program is parsed.</summary>
public sealed record JqOptions
{
    public static JqOptions Default { get; } = new();

    /// <summary>
    /// Refuses, while parsing, whatever could answer differently when the same program is evaluated again on the same
    /// input: clocks, time zones, the environment, further inputs, positions in files, and side effects.
    /// See docs/jq.md for the list. Default false.
    /// </summary>
    public bool Deterministic { get; init; }

    /// <summary>
    /// Names of the variables that the host gives with each evaluation, with or without the leading <c>$</c>. A
    /// program that uses another one does not parse; one that is not given at evaluation is null.
    /// </summary>
    public ImmutableArray<string> Variables { get; init; } = [];

    /// <summary>Finds what <c>import</c> and <c>include</c> name. Default: no module is found.</summary>
    public JqModuleResolver? Modules { get; init; }

    /// <summary>Characters a program, with its modules, may have. Default 1 MiB.</summary>
    public int MaxFilterLength { get; init; } = 1 << 20;
}

/// <summary>What a program asks for with <c>import</c>, <c>include</c> or <c>modulemeta</c>.</summary>
/// <param name="Path">The path as written, such as <c>lib/strings</c>.</param>
/// <param name="Search">The <c>search</c> entries of the import's metadata; empty where there are none.</param>
/// <param name="Importer">Origin of the module that asks, null for the main program.</param>
/// <param name="IsData">True for <c>import "x" as $x;</c>, which wants JSON.</param>
public sealed record JqModuleRequest(string Path, ImmutableArray<string> Search, string? Importer, bool IsData);

/// <summary>A module's text.</summary>
/// <param name="Origin">What makes it the same module when asked for again, such as its full path.</param>
public sealed record JqModuleSource(string Origin, string Text);

/// <summary>Answers null for a module that is not there. Called while parsing, and by <c>modulemeta</c>.</summary>
public delegate JqModuleSource? JqModuleResolver(JqModuleRequest request);
