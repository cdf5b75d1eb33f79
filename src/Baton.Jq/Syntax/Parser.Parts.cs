namespace Baton.Jq.Syntax;

/// <summary>Modules, functions, strings, objects and patterns.</summary>
internal sealed partial class Parser
{
    private ModuleAst ParseModule()
    {
        JqValue? metadata = TakeKeyword("module") ? ParseMetadata() : default(JqValue?);
        var imports = new List<ImportAst>();
        while (Current.IsKeyword("import") || Current.IsKeyword("include"))
        {
            imports.Add(ParseImport());
        }

        var functions = new List<FunctionAst>();
        while (Current.IsKeyword("def"))
        {
            functions.Add(ParseFunction());
        }

        if (Current.Kind == TokenKind.EndOfFile)
        {
            return new(metadata, imports, functions, null);
        }

        if (!StartsTerm(Current))
        {
            throw Unexpected("end of file");
        }

        var body = ParsePipe();
        return Current.Kind == TokenKind.EndOfFile ? new(metadata, imports, functions, body) : throw Unexpected("end of file");
    }

    private static bool StartsTerm(Token token) => token.Kind switch
    {
        TokenKind.Symbol => token.Text is "." or ".." or "(" or "[" or "{" or "-" or "$",
        TokenKind.Keyword => token.Text is "if" or "reduce" or "foreach" or "break" or "try" or "label",
        TokenKind.Invalid or TokenKind.StringText or TokenKind.StringEnd => false,
        _ => true,
    };

    /// <summary>A constant object and the semicolon behind it.</summary>
    private JqValue ParseMetadata()
    {
        var expression = ParsePipe();
        Expect(";");
        if (!TryConstant(expression, out var value))
        {
            throw _source.Failure("Module metadata must be constant", expression.Span);
        }

        return value.Kind == JqKind.Object ? value : throw _source.Failure("Module metadata must be an object", expression.Span);
    }

    private ImportAst ParseImport()
    {
        var start = Current.Span;
        var isImport = Current.Text == "import";
        _at++;
        if (Current.Kind is not (TokenKind.StringStart or TokenKind.Format))
        {
            throw Unexpected("FORMAT or QQSTRING_START");
        }

        var path = ParseString();
        if (!TryConstant(path, out var text))
        {
            throw _source.Failure("Import path must be constant", path.Span);
        }

        string? alias = null;
        if (isImport)
        {
            ExpectKeyword("as");
            alias = Current.Kind switch
            {
                TokenKind.Binding => "$" + Current.Text,
                TokenKind.Identifier => Current.Text,
                _ => throw Unexpected("IDENT or BINDING"),
            };
            _at++;
        }

        var metadata = Take(";") ? JqValue.From(JqObject.Empty) : ParseMetadata();
        return new(start.To(Last), text.GetString(), alias, metadata);
    }

    private FunctionAst ParseFunction()
    {
        var start = Current.Span;
        ExpectKeyword("def");
        var name = ExpectKind(TokenKind.Identifier).Text;
        var parameters = new List<string>();
        if (Take("("))
        {
            do
            {
                parameters.Add(Current.Kind switch
                {
                    TokenKind.Binding => "$" + Current.Text,
                    TokenKind.Identifier or TokenKind.Keyword => Current.Text,
                    _ => throw Unexpected("IDENT or BINDING"),
                });
                _at++;
            }
            while (Take(";"));

            Expect(")");
        }

        Expect(":");
        var body = ParsePipe();
        Expect(";");
        return new(start.To(Last), name, parameters, body);
    }

    private Ast ParseString()
    {
        var start = Current.Span;
        string? format = null;
        if (Current.Kind == TokenKind.Format)
        {
            format = Current.Text;
            _at++;
        }

        ExpectKind(TokenKind.StringStart);
        var parts = new List<(Ast Part, bool IsText)>();
        while (Current.Kind != TokenKind.StringEnd)
        {
            var token = Current;
            if (token.Kind == TokenKind.StringText)
            {
                _at++;
                if (parts is [.., (LiteralAst text, true)])
                {
                    parts[^1] = (new LiteralAst(text.Span.To(token.Span), text.Value.GetString() + token.Text), true);
                }
                else
                {
                    parts.Add((new LiteralAst(token.Span, token.Text), true));
                }
            }
            else if (token.Kind == TokenKind.InterpolationStart)
            {
                _at++;
                parts.Add((ParsePipe(), false));
                ExpectKind(TokenKind.InterpolationEnd);
            }
            else
            {
                throw Unexpected("QQSTRING_TEXT or QQSTRING_INTERP_START or QQSTRING_END");
            }
        }

        _at++;
        return parts switch
        {
            [] => new LiteralAst(start.To(Last), ""),
            [(LiteralAst text, true)] => text with { Span = start.To(Last) },
            _ => new TemplateAst(start.To(Last), format, parts),
        };
    }

    private ObjectAst ParseObject()
    {
        var start = Current.Span;
        Expect("{");
        var fields = new List<(Ast Key, Ast Value)>();
        if (!Current.Is("}"))
        {
            do
            {
                // jq allows a comma behind the last field.
                if (fields.Count > 0 && Current.Is("}"))
                {
                    break;
                }

                fields.Add(ParseField());
            }
            while (Take(","));
        }

        if (!Current.Is("}"))
        {
            throw Current.Kind == TokenKind.EndOfFile ? Unexpected() : Unexpected("'}'");
        }

        _at++;
        return new(start.To(Last), fields);
    }

    private (Ast Key, Ast Value) ParseField()
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Identifier or TokenKind.Keyword:
                _at++;
                var name = new LiteralAst(token.Span, token.Text);
                return Take(":") ? (name, ParseValue()) : (name, FieldOf(name));

            case TokenKind.Binding when token.Text == "__loc__":
                _at++;
                var place = new LiteralAst(token.Span, "__loc__");
                return Take(":") ? (new VariableAst(token.Span, token.Text), ParseValue()) : (place, Location(token.Span));

            case TokenKind.Binding:
                _at++;
                var variable = new VariableAst(token.Span, token.Text);
                return Take(":") ? (variable, ParseValue()) : (new LiteralAst(token.Span, token.Text), variable);

            case TokenKind.StringStart or TokenKind.Format when token.Kind == TokenKind.StringStart || _tokens[_at + 1].Kind == TokenKind.StringStart:
                var text = ParseString();
                return Take(":") ? (text, ParseValue()) : (text, FieldOf(text));

            case TokenKind.Symbol when token.Text == "(":
                _at++;
                var key = ParsePipe();
                Expect(")");
                CheckKey(key);
                if (!Current.Is(":"))
                {
                    throw Unexpected("':'");
                }

                _at++;
                return (key, ParseValue());

            default:
                throw KeyFault();
        }
    }

    private static IndexAst FieldOf(Ast key) => new(key.Span, new IdentityAst(key.Span), key, false);

    private Ast ParseValue() => ParsePipe(withComma: false);

    /// <summary>An expression before a colon deserves a hint; anything else is simply unexpected.</summary>
    private JqSyntaxException KeyFault()
    {
        var start = _at;
        if (!Current.Is("}") && Current.Kind is not (TokenKind.EndOfFile or TokenKind.Invalid))
        {
            var depth = 0;
            for (var i = _at; i < _tokens.Count && depth >= 0; i++)
            {
                var token = _tokens[i];
                if (token.Is(":") && depth == 0 && i > start)
                {
                    return _source.Failure("May need parentheses around object key expression", _tokens[start].Span.To(_tokens[i - 1].Span));
                }

                if (depth == 0 && (token.Is(",") || token.Is("}")))
                {
                    break;
                }

                depth += token.Is("(") || token.Is("[") || token.Is("{") ? 1 : token.Is(")") || token.Is("]") || token.Is("}") ? -1 : 0;
            }
        }

        return Unexpected();
    }

    private void CheckKey(Ast key)
    {
        if (TryConstant(key, out var value) && value.Kind != JqKind.String)
        {
            throw _source.Failure($"Cannot use {Errors.Describe(value)} as object key", key.Span);
        }
    }

    private List<Pattern> ParsePatterns()
    {
        var patterns = new List<Pattern>();
        do
        {
            patterns.Add(ParsePattern());
        }
        while (Take("?//"));

        return patterns;
    }

    private Pattern ParsePattern()
    {
        var token = Current;
        if (token.Kind == TokenKind.Binding)
        {
            _at++;
            return new VariablePattern(token.Text);
        }

        if (Take("["))
        {
            var items = new List<Pattern>();
            do
            {
                items.Add(Nested(ParsePattern));
            }
            while (Take(","));

            Expect("]");
            return new ArrayPattern(items);
        }

        if (Take("{"))
        {
            var fields = new List<(string?, Ast, Pattern?)>();
            do
            {
                fields.Add(ParseFieldPattern());
            }
            while (Take(","));

            Expect("}");
            return new ObjectPattern(fields);
        }

        throw Unexpected("BINDING or '[' or '{'");
    }

    private (string? Variable, Ast Key, Pattern? Value) ParseFieldPattern()
    {
        var token = Current;
        switch (token.Kind)
        {
            case TokenKind.Binding:
                _at++;
                return (token.Text, new LiteralAst(token.Span, token.Text), Take(":") ? Nested(ParsePattern) : null);

            case TokenKind.Identifier or TokenKind.Keyword:
                _at++;
                ExpectColon();
                return (null, new LiteralAst(token.Span, token.Text), Nested(ParsePattern));

            case TokenKind.StringStart or TokenKind.Format:
                var text = ParseString();
                ExpectColon();
                return (null, text, Nested(ParsePattern));

            case TokenKind.Symbol when token.Text == "(":
                _at++;
                var key = ParsePipe();
                Expect(")");
                CheckKey(key);
                ExpectColon();
                return (null, key, Nested(ParsePattern));

            default:
                throw Unexpected();
        }
    }

    private void ExpectColon()
    {
        if (!Take(":"))
        {
            throw Unexpected("':'");
        }
    }

    /// <summary>The value of an expression made of literals only.</summary>
    private static bool TryConstant(Ast ast, out JqValue value)
    {
        value = default;
        switch (ast)
        {
            case LiteralAst literal:
                value = literal.Value;
                return true;

            case CallAst { Arguments.Count: 0, Name: "true" or "false" or "null" } word:
                value = word.Name == "null" ? JqValue.Null : JqValue.From(word.Name == "true");
                return true;

            case ArrayAst { Body: null }:
                value = JqValue.From(JqArray.Empty);
                return true;

            case ArrayAst { Body: { } body }:
                var items = new List<JqValue>();
                var isConstant = TryConstants(body, items);
                value = JqValue.FromArray(items);
                return isConstant;

            case ObjectAst obj:
                var builder = new JqObjectBuilder();
                foreach (var (key, field) in obj.Fields)
                {
                    if (!TryConstant(key, out var name) || name.Kind != JqKind.String || !TryConstant(field, out var item))
                    {
                        return false;
                    }

                    builder.Set(name.GetString(), item);
                }

                value = JqValue.From(builder.ToObject());
                return true;

            default:
                return false;
        }
    }

    private static bool TryConstants(Ast ast, List<JqValue> items)
    {
        if (ast is CommaAst comma)
        {
            return TryConstants(comma.Left, items) && TryConstants(comma.Right, items);
        }

        items.Add(default);
        var isConstant = TryConstant(ast, out var value);
        items[^1] = value;
        return isConstant;
    }
}
