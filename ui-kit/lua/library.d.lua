---@meta ui
-- Definitions of the library `ui` for editors that read LuaCATS. Made by tests/lua/generate.lua from what is registered;
-- do not edit.

---@alias vitrine.choice string|number|{ [1]: string|number, [2]: string|number }

---What a handler gives back to change a component; made by ui.update, or ui.skip.
---@class vitrine.update

---A decoded picture: 8 bits per channel, coordinates from 0, x to the right, y down.
---@class vitrine.image
---@field width integer
---@field height integer
---@field channels integer 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha
local image = {}

---One channel; transparent parts become white.
---@return vitrine.image
function image:grayscale() end

---@return vitrine.image
function image:invert() end

---The box around the pixels brighter than the threshold (one channel); nil when none is.
---@param threshold? number
---@return integer? x, integer? y, integer? width, integer? height
function image:bounds(threshold) end

---A part; what lies outside is filled with zero.
---@param x number
---@param y number
---@param width number
---@param height number
---@return vitrine.image
function image:crop(x, y, width, height) end

---@param width number
---@param height number
---@return vitrine.image
function image:resize(width, height) end

---One pixel's channels; with values, sets them.
---@param x integer
---@param y integer
---@param ... number
---@return integer ...
function image:pixel(x, y, ...) end

---The file's bytes.
---@param format? "png"|"jpeg"|"webp"
---@return string
function image:encode(format) end

---The pixels row by row, channels interleaved.
---@return string
function image:bytes() end

---A file that the visitor sent.
---@class vitrine.file
---@field name string
---@field size integer
---@field mime_type string
local file = {}

---As files of Lua's io: "a" all, "l" a line, "L" a line with its end, or a number of bytes.
---@param format? "a"|"l"|"L"|integer
---@return string?
function file:read(format) end

---@param format? "l"|"L"|integer
---@return fun(): string?
function file:lines(format) end

---A component or layout block of the interface.
---@class vitrine.component
local vitrine_component = {}

---Puts it into the block that is being filled.
---@return self
function vitrine_component:render() end

---What ui.blocks, ui.interface and ui.tabs return; app.lua returns one.
---@class vitrine.view: vitrine.component

---An event of a component with its handler.
---@class vitrine.event
local event = {}

---Runs afterwards, whatever happened.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:next(options) end

---Runs afterwards when the handler ended well.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:success(options) end

---Runs afterwards when the handler raised an error.
---@param options vitrine.event_options|function
---@return vitrine.event
function event:failure(options) end

local ui = {}

---Options of events and of what follows them.
---@class vitrine.event_options
---@field [1]? function The same as `fn`.
---@field [2]? vitrine.component|vitrine.component[] The same as `inputs`.
---@field [3]? vitrine.component|vitrine.component[] The same as `outputs`.
---@field fn? function The handler: gets the inputs' values, returns the outputs' values.
---@field inputs? vitrine.component|vitrine.component[] The components whose values the handler gets.
---@field outputs? vitrine.component|vitrine.component[] The components that the handler's values go to.
---@field api_name? string|boolean The endpoint's name; by default the event's. false keeps it from the API.
---@field api_description? string What the endpoint does, for its users.
---@field api_visibility? "public"|"undocumented"|"private" public: listed; undocumented: callable, not listed; private: only for the page.
---@field queue? boolean false answers at once, without the queue, partial results or progress.
---@field concurrency_limit? integer How many calls of it may run at once; by default as many as the demo may.
---@field concurrency_id? string Events with the same id share one limit.
---@field trigger_mode? "once"|"multiple"|"always_last" While it runs, another trigger is dropped (once), queued (multiple), or only the last one kept.
---@field show_progress? "full"|"minimal"|"hidden" How the outputs show that work goes on.
---@field show_progress_on? vitrine.component|vitrine.component[] Where progress shows instead of the outputs.
---@field scroll_to_output? boolean Whether the page scrolls to the result.
---@field cancels? vitrine.event|vitrine.event[] Events whose running calls it stops.
---@field time_limit? number Seconds after which a call is stopped; never more than the server's.

---Options of ui.blocks.
---@class vitrine.blocks_options
---@field title? string The page's title; by default the card's.
---@field show_error? boolean Whether visitors read the text of Lua errors.
---@field fill_width? boolean Whether it takes the whole width of the window.

---Options of ui.interface.
---@class vitrine.interface_options
---@field [1]? function The same as `fn`.
---@field [2]? vitrine.component|string|(vitrine.component|string)[] The same as `inputs`.
---@field [3]? vitrine.component|string|(vitrine.component|string)[] The same as `outputs`.
---@field fn? function The handler: gets the inputs' values, returns the outputs' values.
---@field inputs? vitrine.component|string|(vitrine.component|string)[] The components that the visitor fills in.
---@field outputs? vitrine.component|string|(vitrine.component|string)[] The components that show the result.
---@field title? string A heading above the form.
---@field description? string Markdown between the heading and the form.
---@field article? string Markdown below the form.
---@field examples? any[] Rows of values for the inputs; files by their name in the repository.
---@field example_labels? string[] A name for each example.
---@field examples_per_page? integer Examples shown at once.
---@field run_examples_on_click? boolean Whether choosing an example runs it.
---@field live? boolean Whether it runs at each change, without a button.
---@field submit_btn? string The caption of the button that runs it.
---@field clear_btn? string|boolean The caption of the button that empties it; false for none.
---@field stop_btn? string|boolean A button that stops a running call; its caption.
---@field show_error? boolean Whether visitors read the text of Lua errors.
---@field api_name? string|boolean The endpoint's name; false keeps it from the API.
---@field api_description? string What the endpoint does, for its users.
---@field api_visibility? "public"|"undocumented"|"private" Who sees the endpoint.
---@field queue? boolean false answers at once, without the queue.
---@field concurrency_limit? integer How many calls may run at once.
---@field concurrency_id? string Events with the same id share one limit.
---@field trigger_mode? "once"|"multiple"|"always_last" What another trigger does while it runs.
---@field show_progress? "full"|"minimal"|"hidden" How the outputs show that work goes on.
---@field time_limit? number Seconds after which a call is stopped.

---Options of ui.examples.
---@class vitrine.examples_options
---@field [1]? any[] The same as `examples`.
---@field [2]? vitrine.component|vitrine.component[] The same as `inputs`.
---@field examples? any[] The rows; each a list of values, or one value when there is one input.
---@field inputs? vitrine.component|vitrine.component[] The components that a row fills.
---@field outputs? vitrine.component|vitrine.component[] Where the values of fn go.
---@field fn? function With run_on_click: what runs when a row is chosen.
---@field run_on_click? boolean Whether choosing a row runs fn.
---@field label? string The caption.
---@field example_labels? string[] A name for each row.
---@field examples_per_page? integer Rows shown at once.

---Options of messages and errors.
---@class vitrine.message_options
---@field title? string A heading; by default the kind of message.
---@field duration? number|boolean Seconds it is shown; false: until it is closed.
---@field visible? boolean Whether it is shown; false only for API clients.

---Options of ui.row.
---@class vitrine.row_options
---@field variant? "default"|"panel"|"compact" panel: in a box; compact: without gaps.
---@field equal_height? boolean Whether all get the height of the tallest.
---@field scale? integer Its share of the height beside its neighbours in a column.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.row: vitrine.component
local row = {}

---Puts what it holds side by side.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.row, ...
---@param content vitrine.row_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.row, ...
function ui.row(content) end

---Options of ui.column.
---@class vitrine.column_options
---@field variant? "default"|"panel"|"compact" panel: in a box; compact: without gaps.
---@field scale? integer Its share of the width beside its neighbours.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.column: vitrine.component
local column = {}

---Puts what it holds one below the other.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.column, ...
---@param content vitrine.column_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.column, ...
function ui.column(content) end

---Options of ui.tabs.
---@class vitrine.tabs_options
---@field selected? string|integer The id of the tab that is shown.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.tabs: vitrine.component
local tabs = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function tabs:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function tabs:select(options) end

---Shows one of the tabs it holds.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.tabs, ...
---@param content vitrine.tabs_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.tabs, ...
function ui.tabs(content) end

---Options of ui.tab.
---@class vitrine.tab_options
---@field [1]? string The same as `label`.
---@field label? string The caption.
---@field id? string|integer What `selected` of the tabs block calls it; by default its place.
---@field interactive? boolean Whether the visitor can choose it.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.tab: vitrine.component
local tab = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function tab:select(options) end

---One page of a tabs block.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.tab, ...
---@param content vitrine.tab_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.tab, ...
function ui.tab(content) end

---Options of ui.group.
---@class vitrine.group_options
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.group: vitrine.component
local group = {}

---Puts what it holds together in one box without gaps.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.group, ...
---@param content vitrine.group_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.group, ...
function ui.group(content) end

---Options of ui.accordion.
---@class vitrine.accordion_options
---@field [1]? string The same as `label`.
---@field label? string The caption.
---@field open? boolean Whether its content is shown at first.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.accordion: vitrine.component
local accordion = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function accordion:expand(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function accordion:collapse(options) end

---A caption that shows and hides what it holds.
---@overload fun(caption: string, content: fun(): ...): vitrine.component.accordion, ...
---@param content vitrine.accordion_options|fun(): ... The options with the function that makes what stands in it, or the function.
---@return vitrine.component.accordion, ...
function ui.accordion(content) end

---Options of ui.textbox.
---@class vitrine.textbox_options
---@field [1]? string|function The same as `value`.
---@field value? string|function The text at first; a function is called when the page opens.
---@field lines? integer Lines shown at least.
---@field max_lines? integer Lines shown at most; then it scrolls.
---@field placeholder? string A hint shown while it is empty.
---@field type? "text"|"password"|"email" What is typed.
---@field max_length? integer Characters that are accepted at most.
---@field autofocus? boolean Whether it has the cursor when the page opens.
---@field autoscroll? boolean Whether it scrolls to the end of growing text.
---@field submit_btn? boolean|string A button in it that submits; its caption.
---@field text_align? "left"|"right" Where the text stands.
---@field rtl? boolean Whether the text runs from right to left.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.textbox: vitrine.component
local textbox = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:select(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:submit(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:focus(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:blur(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function textbox:copy(options) end

---One or more lines of text, typed or shown.
---Its value in handlers: `string`.
---@param content? vitrine.textbox_options|string|function
---@return vitrine.component.textbox
function ui.textbox(content) end

---Options of ui.number.
---@class vitrine.number_options
---@field [1]? number|function The same as `value`.
---@field value? number|function The number at first; a function is called when the page opens.
---@field minimum? number The smallest number accepted.
---@field maximum? number The largest number accepted.
---@field step? number What the arrows add and take away.
---@field precision? integer Decimals kept; 0 gives whole numbers.
---@field placeholder? string A hint shown while it is empty.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.number: vitrine.component
local number = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function number:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function number:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function number:submit(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function number:focus(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function number:blur(options) end

---A field for a number.
---Its value in handlers: `number`.
---@param content? vitrine.number_options|number|function
---@return vitrine.component.number
function ui.number(content) end

---Options of ui.slider.
---@class vitrine.slider_options
---@field [1]? number The same as `minimum`.
---@field [2]? number The same as `maximum`.
---@field [3]? number|function The same as `value`.
---@field minimum? number The left end.
---@field maximum? number The right end.
---@field value? number|function The number at first; by default the minimum.
---@field step? number The distance between two positions.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.slider: vitrine.component
local slider = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function slider:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function slider:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function slider:release(options) end

---A number between two bounds.
---Its value in handlers: `number`.
---@param content? vitrine.slider_options|number
---@return vitrine.component.slider
function ui.slider(content) end

---Options of ui.checkbox.
---@class vitrine.checkbox_options
---@field [1]? boolean|function The same as `value`.
---@field value? boolean|function Whether it is ticked at first.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.checkbox: vitrine.component
local checkbox = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function checkbox:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function checkbox:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function checkbox:select(options) end

---True or false.
---Its value in handlers: `boolean`.
---@param content? vitrine.checkbox_options|boolean|function
---@return vitrine.component.checkbox
function ui.checkbox(content) end

---Options of ui.dropdown.
---@class vitrine.dropdown_options
---@field [1]? vitrine.choice[] The same as `choices`.
---@field [2]? string|number|boolean|vitrine.choice[]|function The same as `value`.
---@field choices? vitrine.choice[] What can be chosen: values, or { label, value }.
---@field value? string|number|boolean|vitrine.choice[]|function The choice at first; by default the first one, false for none.
---@field multiselect? boolean Whether several can be chosen.
---@field max_choices? integer How many can be chosen at most.
---@field allow_custom_value? boolean Whether other text is accepted.
---@field filterable? boolean Whether typing narrows the list.
---@field type? "value"|"index" Handlers get the value, or its place (from 1).
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.dropdown: vitrine.component
local dropdown = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function dropdown:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function dropdown:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function dropdown:select(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function dropdown:focus(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function dropdown:blur(options) end

---One or several of a list, opened on demand.
---Its value in handlers: `string|number|(string|number)[]`.
---@param content? vitrine.dropdown_options|vitrine.choice[]
---@return vitrine.component.dropdown
function ui.dropdown(content) end

---Options of ui.radio.
---@class vitrine.radio_options
---@field [1]? vitrine.choice[] The same as `choices`.
---@field [2]? string|number|function The same as `value`.
---@field choices? vitrine.choice[] What can be chosen: values, or { label, value }.
---@field value? string|number|function The choice at first; by default none.
---@field type? "value"|"index" Handlers get the value, or its place (from 1).
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.radio: vitrine.component
local radio = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function radio:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function radio:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function radio:select(options) end

---One of a list that is always shown.
---Its value in handlers: `string|number`.
---@param content? vitrine.radio_options|vitrine.choice[]
---@return vitrine.component.radio
function ui.radio(content) end

---Options of ui.button.
---@class vitrine.button_options
---@field [1]? string The same as `value`.
---@field value? string The caption.
---@field variant? "primary"|"secondary"|"stop" Its weight.
---@field size? "sm"|"md"|"lg" Its size.
---@field interactive? boolean Whether it can be pressed.
---@field link? string An address that opens when it is pressed.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.button: vitrine.component
local button = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function button:click(options) end

---Starts something.
---Its value in handlers: `string`.
---@param content? vitrine.button_options|string
---@return vitrine.component.button
function ui.button(content) end

---Options of ui.markdown.
---@class vitrine.markdown_options
---@field [1]? string|function The same as `value`.
---@field value? string|function The text, in Markdown.
---@field container? boolean Whether it stands in a box with padding.
---@field label? string The caption in the API; it is not shown.
---@field show_label? boolean Whether the caption is shown.
---@field height? integer Its height in pixels; what is longer scrolls.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.markdown: vitrine.component
local markdown = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function markdown:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function markdown:copy(options) end

---Formatted text.
---Its value in handlers: `string`.
---@param content? vitrine.markdown_options|string|function
---@return vitrine.component.markdown
function ui.markdown(content) end

---Options of ui.label.
---@class vitrine.label_options
---@field [1]? string|number|table|function The same as `value`.
---@field value? string|number|table|function The classes at first.
---@field num_top_classes? integer How many classes are shown at most.
---@field show_heading? boolean Whether the first class stands above, large.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.label: vitrine.component
local label = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function label:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function label:select(options) end

---The most likely classes with their confidences.
---Its value in handlers: `string|number|table`.
---@param content? vitrine.label_options|string|number|table|function
---@return vitrine.component.label
function ui.label(content) end

---Options of ui.json.
---@class vitrine.json_options
---@field [1]? any The same as `value`.
---@field value? any The value at first.
---@field open? boolean Whether all of it is unfolded.
---@field show_indices? boolean Whether places in lists are shown.
---@field height? integer Its height in pixels; what is longer scrolls.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.json: vitrine.component
local json = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function json:change(options) end

---Any JSON value, shown as a tree.
---Its value in handlers: `any`.
---@param content? vitrine.json_options|any
---@return vitrine.component.json
function ui.json(content) end

---Options of ui.image.
---@class vitrine.image_options
---@field [1]? string|function The same as `value`.
---@field value? string|function The picture at first: a file of the repository.
---@field type? "image"|"file" Handlers get the decoded picture, or the file as it came.
---@field format? "webp"|"png" How pictures of handlers are sent.
---@field height? integer Its height in pixels.
---@field placeholder? string A hint shown while it is empty.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.image: vitrine.component
local image = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function image:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function image:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function image:upload(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function image:clear(options) end

---A picture that the visitor gives or a handler shows.
---Its value in handlers: `vitrine.image|vitrine.file|string`.
---@param content? vitrine.image_options|string|function
---@return vitrine.component.image
function ui.image(content) end

---Options of ui.sketchpad.
---@class vitrine.sketchpad_options
---@field [1]? string|function The same as `value`.
---@field value? string|function The drawing at first: a file of the repository.
---@field type? "image"|"file" Handlers get the decoded drawing, or the file as it came.
---@field canvas_size? integer[] Width and height in pixels.
---@field brush_size? integer How thick the pen is, in pixels; by default a 16th of the width.
---@field brush_color? string The ink, as #rrggbb.
---@field format? "webp"|"png" How pictures of handlers are sent.
---@field label? string The caption.
---@field show_label? boolean Whether the caption is shown.
---@field container? boolean Whether it stands in a box with padding.
---@field info? string A line of help below the caption.
---@field interactive? boolean Whether the visitor can change it; by default when it is an input of an event.
---@field scale? integer Its share of the width beside its neighbours in a row.
---@field min_width? integer The width in pixels below which it wraps.
---@field visible? boolean|"hidden" Whether it is shown; "hidden" keeps it in the page without showing it.
---@field elem_id? string An id for the element, for links and tests.
---@field elem_classes? string|string[] Class names for the element.

---@class vitrine.component.sketchpad: vitrine.component
local sketchpad = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function sketchpad:change(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function sketchpad:input(options) end

---@param options vitrine.event_options|function
---@return vitrine.event
function sketchpad:clear(options) end

---An area to draw on; handlers get the drawing as one picture.
---Its value in handlers: `vitrine.image|vitrine.file|string`.
---@param content? vitrine.sketchpad_options|string|function
---@return vitrine.component.sketchpad
function ui.sketchpad(content) end

---Options of ui.state.
---@class vitrine.state_options
---@field [1]? any The same as `value`.
---@field value? any The value at first: anything that JSON can hold.

---@class vitrine.component.state: vitrine.component
local state = {}

---@param options vitrine.event_options|function
---@return vitrine.event
function state:change(options) end

---A value of one visitor's session, kept by the server between events.
---Its value in handlers: `any`.
---@param content any The value at first.
---@return vitrine.component.state
function ui.state(content) end

---Describes an interface: components and blocks in the order in which they are made.
---@param content vitrine.blocks_options|fun() The options with the function that makes the interface, or the function.
---@return vitrine.view
function ui.blocks(content) end

---The form around one function: inputs left, outputs right, buttons below.
---@param options vitrine.interface_options
---@return vitrine.view
function ui.interface(options) end

---One handler for several triggers: ui.on{ triggers = { { button, "click" }, { name, "submit" } }, fn = … }.
---@param options vitrine.event_options|{ triggers: { [1]: vitrine.component, [2]: string }[] }
---@return vitrine.event
function ui.on(options) end

---Runs when the page opens.
---@param options vitrine.event_options|function
---@return vitrine.event
function ui.load(options) end

---Rows of values that fill components when one is chosen.
---@param options vitrine.examples_options
---@return vitrine.component
function ui.examples(options) end

---In a handler: what to return to change options of an output.
---@param options table<string, any>
---@return vitrine.update
function ui.update(options) end

---In a handler: what to return to leave an output alone.
---@type vitrine.update
ui.skip = nil

---In a handler: shows how far it is, from 0 to 1 or as { step, steps }.
---@param done number|{ [1]: number, [2]: number }|nil
---@param text? string
function ui.progress(done, text) end

---In a handler: shows a message.
---@param text string|number
---@param options? vitrine.message_options
function ui.info(text, options) end

---In a handler: shows a warning.
---@param text string|number
---@param options? vitrine.message_options
function ui.warning(text, options) end

---In a handler: shows that something went well.
---@param text string|number
---@param options? vitrine.message_options
function ui.success(text, options) end

---In a handler: ends it and shows why.
---@param text string|number
---@param options? vitrine.message_options
function ui.error(text, options) end

---In a handler: who calls.
---@return table
function ui.request() end

---In a handler: waits, and lets other events run meanwhile.
---@param seconds number
function ui.sleep(seconds) end

---A new picture; `fill` is the value of every channel.
---@param width integer
---@param height integer
---@param channels integer 1 (grey), 2, 3 (colour) or 4
---@param fill? integer
---@return vitrine.image
function ui.image_new(width, height, channels, fill) end

return ui
