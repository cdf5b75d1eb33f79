namespace Baton.Flows.Validate;

/// <summary>The codes of problems that reading or validating a flow can report. `baton explain CODE` prints the page of each.</summary>
public static class FlowCodes
{
    public const string Syntax = "BT3100";
    public const string TooLarge = "BT3101";
    public const string TooDeep = "BT3102";
    public const string DuplicateKey = "BT3103";
    public const string WrongType = "BT3110";
    public const string Missing = "BT3111";
    public const string Unknown = "BT3112";
    public const string WrongValue = "BT3113";
    public const string WrongChoice = "BT3114";
    public const string WrongDuration = "BT3115";
    public const string WrongTask = "BT3116";
    public const string DuplicateTask = "BT3120";
    public const string UnknownThen = "BT3121";
    public const string Unreachable = "BT3122";
    public const string UnknownReference = "BT3123";
    public const string UnknownFunction = "BT3124";
    public const string WrongArguments = "BT3125";
    public const string MissingSecret = "BT3126";
    public const string UndeclaredSecret = "BT3127";
    public const string Recursion = "BT3128";
    public const string ExpressionSyntax = "BT3130";
    public const string NotDeterministic = "BT3131";
    public const string WrongSchema = "BT3132";
    public const string WrongCron = "BT3133";
    public const string NotAllowed = "BT3140";
    public const string Unsupported = "BT3141";
}
