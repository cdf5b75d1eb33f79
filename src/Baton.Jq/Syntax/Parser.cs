namespace Baton.Jq.Syntax;

/// <summary>Parses tokens into a tree, by precedence climbing.</summary>
/// <remarks>
/// From loosest to tightest: <c>|</c> (right), <c>,</c>, <c>//</c> (right), assignments (none), <c>or</c>,
/// <c>and</c>, comparisons (none), <c>+ -</c>, <c>* / %</c>, and postfix. <c>EXPR as PATTERN | BODY</c>,
/// <c>label $x | BODY</c> and <c>def f: ...; BODY</c> reach as far right as they can.
/// The first fault ends parsing; its wording follows jq's generated parser.
/// </remarks>
internal sealed partial class Parser
{
    private const int MaxNesting = 10_000;
    private const int AlternativeLevel = 0;
    private const int AssignLevel = 1;
    private const int OrLevel = 2;
    private const int AndLevel = 3;
    private const int CompareLevel = 4;
    private const int MultiplyLevel = 6;

    private static readonly Dictionary<string, (int Level, BinaryOperator Operator)> Binary = new()
    {
        ["=="] = (CompareLevel, BinaryOperator.Equal),
        ["!="] = (CompareLevel, BinaryOperator.NotEqual),
        ["<"] = (CompareLevel, BinaryOperator.Less),
        ["<="] = (CompareLevel, BinaryOperator.LessOrEqual),
        [">"] = (CompareLevel, BinaryOperator.Greater),
        [">="] = (CompareLevel, BinaryOperator.GreaterOrEqual),
        ["+"] = (5, BinaryOperator.Add),
        ["-"] = (5, BinaryOperator.Subtract),
        ["*"] = (MultiplyLevel, BinaryOperator.Multiply),
        ["/"] = (MultiplyLevel, BinaryOperator.Divide),
        ["%"] = (MultiplyLevel, BinaryOperator.Modulo),
    };

    private static readonly Dictionary<string, BinaryOperator?> Updates = new()
    {
        ["+="] = BinaryOperator.Add,
        ["-="] = BinaryOperator.Subtract,
        ["*="] = BinaryOperator.Multiply,
        ["/="] = BinaryOperator.Divide,
        ["%="] = BinaryOperator.Modulo,
        ["//="] = null,
    };

    private readonly SourceText _source;
    private readonly IReadOnlyList<Token> _tokens;
    private int _at;
    private int _nesting;

    private Parser(SourceText source)
    {
        _source = source;
        _tokens = new Lexer(source).Run();
    }

    private Token Current => _tokens[_at];

    private Span Last => _tokens[Math.Max(0, _at - 1)].Span;

    public static ModuleAst Parse(SourceText source) => new Parser(source).ParseModule();

    /// <summary>Several expressions separated by <c>|</c>; inside an object's value <c>,</c> ends it.</summary>
    private Ast ParsePipe(bool withComma = true)
    {
        if (!StackGuard.HasRoom())
        {
            return StackGuard.OnNewStack(() => ParsePipe(withComma));
        }

        if (++_nesting > MaxNesting)
        {
            throw Fault("Program is nested too deeply");
        }

        // Collected first and joined from the right, so that a long pipe is no deep recursion.
        var stages = new List<Ast> { ParseComma(withComma) };
        while (Take("|"))
        {
            stages.Add(ParseComma(withComma));
        }

        var pipe = stages[^1];
        for (var i = stages.Count - 2; i >= 0; i--)
        {
            pipe = new PipeAst(stages[i].Span.To(pipe.Span), stages[i], pipe);
        }

        _nesting--;
        return pipe;
    }

    private Ast ParseComma(bool withComma)
    {
        var left = ParseBindable(withComma);
        while (withComma && Take(","))
        {
            var right = ParseBindable(withComma);
            left = new CommaAst(left.Span.To(right.Span), left, right);
        }

        return left;
    }

    private Ast ParseBindable(bool withComma)
    {
        var source = ParseBinary(AlternativeLevel, withComma);
        if (!TakeKeyword("as"))
        {
            return source;
        }

        var patterns = ParsePatterns();
        Expect("|");
        var body = ParsePipe(withComma);
        return new BindAst(source.Span.To(body.Span), source, patterns, body);
    }

    private Ast ParseBinary(int level, bool withComma)
    {
        var left = ParsePrefix(withComma);
        while (true)
        {
            var token = Current;
            if (token.Kind is not (TokenKind.Symbol or TokenKind.Keyword))
            {
                return left;
            }

            if (Binary.TryGetValue(token.Text, out var binary) && token.Kind == TokenKind.Symbol)
            {
                if (binary.Level < level)
                {
                    return left;
                }

                _at++;
                var right = ParseBinary(binary.Level + 1, withComma);
                left = new BinaryAst(left.Span.To(right.Span), binary.Operator, left, right);
                if (binary.Level == CompareLevel && Binary.TryGetValue(Current.Text, out var next) && next.Level == CompareLevel && Current.Kind == TokenKind.Symbol)
                {
                    throw Unexpected();
                }
            }
            else if (token.Is("//") && level <= AlternativeLevel)
            {
                _at++;
                var right = ParseBinary(AlternativeLevel, withComma);
                return new AlternativeAst(left.Span.To(right.Span), left, right);
            }
            else if (IsAssignment(token) && level <= AssignLevel)
            {
                _at++;
                var right = ParseBinary(AssignLevel + 1, withComma);
                left = Assignment(token.Text, left.Span.To(right.Span), left, right);
                if (IsAssignment(Current))
                {
                    throw Unexpected();
                }
            }
            else if (token.IsKeyword("or") && level <= OrLevel)
            {
                _at++;
                var right = ParseBinary(OrLevel + 1, withComma);
                left = new OrAst(left.Span.To(right.Span), left, right);
            }
            else if (token.IsKeyword("and") && level <= AndLevel)
            {
                _at++;
                var right = ParseBinary(AndLevel + 1, withComma);
                left = new AndAst(left.Span.To(right.Span), left, right);
            }
            else
            {
                return left;
            }
        }
    }

    private static bool IsAssignment(Token token) =>
        token.Kind == TokenKind.Symbol && (token.Text is "=" or "|=" || Updates.ContainsKey(token.Text));

    private static Ast Assignment(string symbol, Span span, Ast target, Ast value) => symbol switch
    {
        "=" => new AssignAst(span, target, value),
        "|=" => new ModifyAst(span, target, value),
        _ => new UpdateAst(span, Updates[symbol], target, value),
    };

    private Ast ParsePrefix(bool withComma)
    {
        var start = Current.Span;
        if (Current.Is("-"))
        {
            _at++;
            var operand = Nested(() => ParseBinary(MultiplyLevel, withComma));
            return new NegateAst(start.To(operand.Span), operand);
        }

        if (Current.IsKeyword("def"))
        {
            var function = ParseFunction();
            var rest = Nested(() => ParsePipe(withComma));
            return new DefineAst(start.To(rest.Span), function, rest);
        }

        if (TakeKeyword("label"))
        {
            var name = ExpectKind(TokenKind.Binding).Text;
            Expect("|");
            var body = ParsePipe(withComma);
            return new LabelAst(start.To(body.Span), name, body);
        }

        return ParsePostfix();
    }

    /// <summary>What <c>try</c> and <c>catch</c> take: a term with its suffixes, or a negated one.</summary>
    private Ast ParseTryOperand()
    {
        var start = Current.Span;
        if (!Take("-"))
        {
            return ParsePostfix();
        }

        var operand = Nested(ParseTryOperand);
        return new NegateAst(start.To(operand.Span), operand);
    }

    private Ast ParseTry()
    {
        var start = Last;
        var body = Nested(ParseTryOperand);
        var handler = TakeKeyword("catch") ? Nested(ParseTryOperand) : null;
        return new TryAst(start.To(Last), body, handler);
    }

    private Ast ParsePostfix()
    {
        if (TakeKeyword("try"))
        {
            return ParseTry();
        }

        var term = ParseTerm();
        while (true)
        {
            var token = Current;
            if (token.Kind == TokenKind.Field)
            {
                _at++;
                term = Suffix(term, new LiteralAst(token.Span, token.Text));
            }
            else if (token.Is(".") && _tokens[_at + 1].Kind is TokenKind.StringStart or TokenKind.Format)
            {
                _at++;
                term = Suffix(term, ParseString());
            }
            else if (token.Is("["))
            {
                term = ParseBracket(term);
            }
            else if (token.Is(".") && _tokens[_at + 1].Is("["))
            {
                _at++;
                term = ParseBracket(term);
            }
            else if (Take("?"))
            {
                term = new TryAst(term.Span.To(Last), term, null);
            }
            else if (token.Is("?//"))
            {
                // Outside patterns ".a?//1" can only mean ".a? // 1", though jq's lexer reads one token.
                _at++;
                var right = ParseBinary(AlternativeLevel, withComma: false);
                return new AlternativeAst(term.Span.To(right.Span), new TryAst(term.Span, term, null), right);
            }
            else
            {
                return term;
            }
        }
    }

    private Ast Suffix(Ast target, Ast key)
    {
        var optional = Take("?");
        return new IndexAst(target.Span.To(Last), target, key, optional);
    }

    /// <summary><c>[]</c>, <c>[key]</c>, <c>[from:to]</c> with either side left out, each perhaps with <c>?</c>.</summary>
    private Ast ParseBracket(Ast target)
    {
        Expect("[");
        if (Take("]"))
        {
            var each = Take("?");
            return new IterateAst(target.Span.To(Last), target, each);
        }

        Ast? from = null;
        Ast? to = null;
        var isSlice = Take(":");
        if (isSlice)
        {
            to = ParsePipe();
        }
        else
        {
            from = ParsePipe();
            isSlice = Take(":");
            to = isSlice && !Current.Is("]") ? ParsePipe() : null;
        }

        Expect("]");
        var optional = Take("?");
        return isSlice
            ? new SliceAst(target.Span.To(Last), target, from, to, optional)
            : new IndexAst(target.Span.To(Last), target, from!, optional);
    }

    private Ast ParseTerm()
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Number:
                _at++;
                return new LiteralAst(token.Span, NumberLiteral.Read(token.Text));

            case TokenKind.Field:
                _at++;
                return Suffix(new IdentityAst(new(token.Span.Start, token.Span.Start)), new LiteralAst(token.Span, token.Text));

            case TokenKind.Format when _tokens[_at + 1].Kind != TokenKind.StringStart:
                _at++;
                return new FormatAst(token.Span, token.Text);

            case TokenKind.Format or TokenKind.StringStart:
                return ParseString();

            case TokenKind.Binding:
                _at++;
                return token.Text == "__loc__" ? Location(token.Span) : new VariableAst(token.Span, token.Text);

            case TokenKind.Identifier:
                _at++;
                return ParseCall(token);

            case TokenKind.Keyword:
                return ParseKeywordTerm(token);

            case TokenKind.Symbol:
                return ParseSymbolTerm(token);

            default:
                throw Unexpected();
        }
    }

    private LocationAst Location(Span span) => new(span, JqValue.FromObject(
    [
        new("file", _source.Name),
        new("line", _source.LineOf(span.Start)),
    ]));

    private CallAst ParseCall(Token name)
    {
        var arguments = new List<Ast>();
        if (Take("("))
        {
            do
            {
                arguments.Add(ParsePipe());
            }
            while (Take(";"));

            Expect(")");
        }

        return new CallAst(name.Span.To(Last), name.Text, arguments);
    }

    private Ast ParseKeywordTerm(Token token)
    {
        _at++;
        switch (token.Text)
        {
            case "if":
                return ParseIf(token.Span);

            case "reduce":
            case "foreach":
                return ParseFold(token);

            case "break":
                if (Current.Kind != TokenKind.Binding)
                {
                    throw Fault("break requires a label to break to");
                }

                _at++;
                return new BreakAst(token.Span.To(Last), _tokens[_at - 1].Text);

            default:
                _at--;
                throw Unexpected();
        }
    }

    private Ast ParseSymbolTerm(Token token)
    {
        switch (token.Text)
        {
            case ".":
                _at++;
                return Current.Kind is TokenKind.StringStart or TokenKind.Format
                    ? Suffix(new IdentityAst(token.Span), ParseString())
                    : new IdentityAst(token.Span);

            case "..":
                _at++;
                return new CallAst(token.Span, "recurse", []);

            case "(":
                _at++;
                var inner = ParsePipe();
                Expect(")");
                return inner with { Span = token.Span.To(Last) };

            case "[":
                _at++;
                var body = Current.Is("]") ? null : ParsePipe();
                Expect("]");
                return new ArrayAst(token.Span.To(Last), body);

            case "{":
                return ParseObject();

            default:
                throw Unexpected();
        }
    }

    private IfAst ParseIf(Span start)
    {
        // Collected first and nested from the last, so that a long elif chain is no deep recursion.
        var branches = new List<(Ast Condition, Ast Then)>();
        do
        {
            var condition = ParsePipe();
            ExpectKeyword("then");
            branches.Add((condition, ParsePipe()));
        }
        while (TakeKeyword("elif"));

        var otherwise = TakeKeyword("else") ? ParsePipe() : null;
        ExpectKeyword("end");
        var span = start.To(Last);
        for (var i = branches.Count - 1; i > 0; i--)
        {
            otherwise = new IfAst(span, branches[i].Condition, branches[i].Then, otherwise);
        }

        return new IfAst(span, branches[0].Condition, branches[0].Then, otherwise);
    }

    private Ast ParseFold(Token keyword)
    {
        var source = Nested(() => ParseBinary(AlternativeLevel, withComma: false));
        ExpectKeyword("as");
        var patterns = ParsePatterns();
        Expect("(");
        var init = ParsePipe();
        Expect(";");
        var update = ParsePipe();
        if (keyword.Text == "reduce")
        {
            Expect(")");
            return new ReduceAst(keyword.Span.To(Last), source, patterns, init, update);
        }

        var extract = Take(";") ? ParsePipe() : null;
        Expect(")");
        return new ForeachAst(keyword.Span.To(Last), source, patterns, init, update, extract);
    }

    private T Nested<T>(Func<T> parse)
    {
        if (++_nesting > MaxNesting)
        {
            throw Fault("Program is nested too deeply");
        }

        var result = StackGuard.HasRoom() ? parse() : StackGuard.OnNewStack(parse);
        _nesting--;
        return result;
    }

    private bool Take(string symbol)
    {
        if (!Current.Is(symbol))
        {
            return false;
        }

        _at++;
        return true;
    }

    private bool TakeKeyword(string word)
    {
        if (!Current.IsKeyword(word))
        {
            return false;
        }

        _at++;
        return true;
    }

    private void Expect(string symbol)
    {
        if (!Take(symbol))
        {
            throw Unexpected();
        }
    }

    private void ExpectKeyword(string word)
    {
        if (!TakeKeyword(word))
        {
            throw Unexpected(word == "as" ? "as" : null);
        }
    }

    private Token ExpectKind(TokenKind kind)
    {
        var token = Current;
        if (token.Kind != kind)
        {
            throw Unexpected(new Token(kind, "", default).Description);
        }

        _at++;
        return token;
    }

    private JqSyntaxException Unexpected(string? expecting = null) =>
        Fault($"syntax error, unexpected {Current.Description}{(expecting is null ? "" : $", expecting {expecting}")}");

    private JqSyntaxException Fault(string message) => _source.Failure(message, Current.Span);
}
