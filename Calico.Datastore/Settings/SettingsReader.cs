using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Calico.Datastore.Etcd;

namespace Calico.Datastore.Settings;

/// <summary>Reads the settings of every program: environment first, then the configuration file, then the default of the property; and
/// keeps all that is wrong until <see cref="ThrowIfWrong"/>.</summary>
/// <param name="environment">Looks up an environment variable.</param>
/// <param name="file">The configuration file.</param>
public sealed class SettingsReader(Func<string, string?> environment, SettingsFile file)
{
    private const string OwnPrefix = "CALICO_";
    private const string Environment = "environment";
    private const int MaxShown = 120;
    private const DynamicallyAccessedMemberTypes Settable =
        DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor;

    private readonly HashSet<string> _used = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SettingText?> _found = [];
    private readonly List<(string Name, string Message)> _faults = [];

    /// <summary>Every setting of a type, in the order it is listed by <c>--help</c>.</summary>
    public static IEnumerable<(PropertyInfo Property, SettingAttribute Setting)> Describe<[DynamicallyAccessedMembers(Settable)] T>() =>
        from property in typeof(T).GetProperties()
        let setting = property.GetCustomAttribute<SettingAttribute>()
        where setting is not null
        select (property, setting);

    /// <summary>Reads the settings that a type describes. What cannot be used keeps its default and is a fault.</summary>
    /// <param name="rules">What they have to be beyond their types.</param>
    public T Read<[DynamicallyAccessedMembers(Settable)] T>(params IReadOnlyList<SettingRule<T>> rules) where T : class, new()
    {
        var settings = new T();
        var sources = new Dictionary<string, (SettingAttribute Setting, SettingText? Found)>();
        foreach (var (property, setting) in Describe<T>())
        {
            var found = _found[property.Name] = Find(setting);
            if (found is null || TryTake(settings, property, setting, found))
            {
                sources[property.Name] = (setting, found);
            }
        }

        foreach (var rule in rules)
        {
            // Said once: what follows from a value that was not taken is no second fault.
            if (!rule.Holds(settings) && sources.Remove(rule.Property, out var source))
            {
                Add(source.Found ?? new(source.Setting.Environment, "", ""), $"it has to be {rule.Wanted}");
            }
        }

        foreach (var (setting, found) in sources.Values)
        {
            if (found is not null && FelixParameters.Check(setting.Environment, found.Text) is { } wrong)
            {
                Add(found, wrong);
            }
        }

        return settings;
    }

    /// <summary>Settings of one adapter: <c>CALICO_&lt;NAME&gt;_&lt;PROPERTY&gt;</c>, then <c>plugins.&lt;name&gt;.&lt;property&gt;</c>.
    /// </summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: all that is wrong with them.</exception>
    public T ReadPlugin<[DynamicallyAccessedMembers(Settable)] T>(string plugin) where T : class, new()
    {
        var settings = new T();
        var before = _faults.Count;
        foreach (var property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
        {
            var setting = OfPlugin(plugin, property);
            if (Find(setting, prefixedOnly: true) is { } found)
            {
                TryTake(settings, property, setting, found);
            }
        }

        AddUnknown(name => name.StartsWith($"plugins.{plugin}.", StringComparison.OrdinalIgnoreCase));
        Throw(before);
        return settings;
    }

    /// <summary>One setting of an adapter that is not loaded here; null: nobody has said it.</summary>
    public string? TextOf(SettingAttribute setting) => Find(setting, prefixedOnly: true)?.Text;

    /// <summary>Names of an adapter's setting. A '-' of the adapter's name is '_' in the environment, where shells have none.</summary>
    public static SettingAttribute OfPlugin(string plugin, PropertyInfo property) =>
        new($"{plugin.Replace('-', '_')}_{property.Name}".ToUpperInvariant(), $"plugins.{plugin}.{property.Name}", "");

    /// <summary>Where a setting was said, for messages: its variable, or its name in the file.</summary>
    public string OriginOf(string property) => _found.GetValueOrDefault(property) is not { } found ? ""
        : found.Place == Environment ? found.Name : $"{found.Name} in {file.Path}";

    /// <summary>Variables that look like settings and that nobody has asked for until now; a line for each.</summary>
    public IEnumerable<string> DescribeUnknown(IEnumerable<string> variables) => UnknownSettings.Describe(variables, _asked);

    /// <summary>As <see cref="DescribeUnknown"/>, of those alone that are nearly the name of one.</summary>
    public IEnumerable<string> DescribeMisspelt(IEnumerable<string> variables) => UnknownSettings.DescribeMisspelt(variables, _asked);

    /// <summary>Refuses a name that means something to upstream and cannot be served.</summary>
    /// <param name="setting">Its names.</param>
    /// <param name="instead">What to do.</param>
    public void Refuse(SettingAttribute setting, string instead)
    {
        if (Find(setting) is { } found)
        {
            _faults.Add((found.Name, $"{found.Name} ({found.Place}) is not supported: {instead}"));
        }
    }

    /// <summary>Names in the file that nobody has asked for are faults; a misspelt one would change nothing, without a word.</summary>
    /// <param name="isOurs">Which names there are this program's to know.</param>
    public void AddUnknown(Func<string, bool> isOurs)
    {
        foreach (var name in file.Names.Where(name => isOurs(name) && !_used.Contains(name)))
        {
            var place = file.Find(name)?.Place ?? file.Path;
            _faults.Add((name, $"{name} ({place}) is no setting{UnknownSettings.Meant(name, _used)}; --help lists them"));
        }
    }

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: all that is wrong, each by its name; path = the variable or file
    /// path when it is a single one.</exception>
    public void ThrowIfWrong() => Throw(0);

    private void Throw(int from)
    {
        var faults = _faults[from..];
        if (faults.Count > 0)
        {
            throw faults is [var (name, message)] ? new CalicoException(Problem.Invalid, message, name)
                : new(Problem.Invalid,
                    $"{faults.Count} settings cannot be used:{string.Concat(faults.Select(fault => $"\n  {fault.Message}"))}");
        }
    }

    private SettingText? Find(SettingAttribute setting, bool prefixedOnly = false)
    {
        _asked.Add(setting.Environment);
        _used.Add(NameInFile(setting));
        // The name with our prefix is the more particular one.
        foreach (var name in (string[])(prefixedOnly ? [OwnPrefix + setting.Environment]
            : [OwnPrefix + setting.Environment, setting.Environment]))
        {
            if (environment(name) is { Length: > 0 } text)
            {
                return new(name, text, Environment);
            }
        }

        return file.Find(NameInFile(setting));
    }

    private string NameInFile(SettingAttribute setting) => !file.IsClients ? setting.Path : $"spec.{setting.ClientName}";

    private bool TryTake(object settings, PropertyInfo property, SettingAttribute setting, SettingText found)
    {
        var before = _faults.Count;
        if (setting.Choices.Length > 0 && !setting.Choices.Split('|').Contains(found.Text))
        {
            Add(found, $"it can be {setting.Choices.Replace("|", ", ", StringComparison.Ordinal)}");
        }
        else if (Convert(property.PropertyType, found) is { } value)
        {
            property.SetValue(settings, value);
        }

        return _faults.Count == before;
    }

    private object? Convert(Type type, SettingText found)
    {
        var text = found.Text;
        object? value = type == typeof(string) ? text
            : type == typeof(Secret) ? new Secret(text)
            : type == typeof(bool) ? text.ToLowerInvariant() switch
            {
                "true" or "yes" or "1" => true,
                "false" or "no" or "0" => false,
                _ => null,
            }
            : type == typeof(int) ? int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number : null
            : type == typeof(uint) ? FelixParameters.TryNumber(text, out var bits) && bits is >= 0 and <= uint.MaxValue ? (uint)bits : null
            : type == typeof(TimeSpan) ? TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) ? time : null
            : throw new CalicoException(Problem.Unsupported, $"a setting cannot be of type {type.Name}", found.Name);
        if (value is null)
        {
            Add(found, "it has to be " + (type == typeof(bool) ? "true or false" : type == typeof(TimeSpan) ? "a time such as 00:00:30"
                : type == typeof(uint) ? "a mask of at least two bits, such as 0xffff0000" : "a number"));
        }

        return value;
    }

    private void Add(SettingText found, string wanted)
    {
        // What stands before an '@' or in a query may be a secret, whatever the setting.
        var shown = Secret.Mask(found.Text);
        shown = shown.Length <= MaxShown ? shown : shown[..MaxShown] + "...";
        _faults.Add((found.Name, found.Place.Length == 0 ? $"{found.Name} is not set; {wanted}"
            : $"{found.Name} ({found.Place}) is '{shown}'; {wanted}"));
    }
}
