/** The server's shapes under short names; every one is generated from its OpenAPI document. */
import type { components } from "./schema";

type Shapes = components["schemas"];

export type Status = Shapes["Status"];
export type AgentStatus = Shapes["AgentStatus"];
export type AgentName = keyof Shapes["Agents"];
export type Risk = Shapes["Risk"];
export type MarketDatum = Shapes["MarketDatum"];
export type Prediction = Shapes["PredictionShape"];
export type Signal = Shapes["SignalShape"];
export type Verdict = Shapes["Verdict"];
export type Position = Shapes["PositionShape"];
export type Trade = Shapes["TradeShape"];
export type Account = Shapes["AccountShape"];
export type Funnel = Shapes["FunnelShape"];
export type News = Shapes["NewsShape"];
export type Alert = Shapes["Alert"];
export type LogLine = Shapes["LogLine"];
export type EquityPoint = Shapes["EquityPoint"];
export type Lineage = Shapes["Lineage"];
export type User = Shapes["UserShape"];

export type Granted = Shapes["GrantedAnswer"];
export type SetupState = Shapes["SetupState"];
export type Done = Shapes["Done"];
export type StageAnswer = Shapes["StageAnswer"];
export type CloseAnswer = Shapes["CloseAnswer"];
export type LineageAnswer = Shapes["LineageAnswer"];

export type TopicMessage =
  | Shapes["StatusMessage"]
  | Shapes["MarketMessage"]
  | Shapes["PredictionsMessage"]
  | Shapes["SignalsMessage"]
  | Shapes["OrdersMessage"]
  | Shapes["FillsMessage"]
  | Shapes["TradesMessage"]
  | Shapes["PositionsMessage"]
  | Shapes["AccountMessage"]
  | Shapes["NewsMessage"]
  | Shapes["AlertsMessage"]
  | Shapes["LogMessage"]
  | Shapes["EquityMessage"]
  | Shapes["FunnelMessage"]
  | Shapes["JobsMessage"];

export type Topic = TopicMessage["topic"];
export type FromServer =
  | Shapes["Welcome"]
  | Shapes["Subscribed"]
  | Shapes["Pong"]
  | Shapes["StreamProblem"]
  | TopicMessage;
export type FromClient =
  | Shapes["Authenticate"]
  | Shapes["Subscribe"]
  | Shapes["Unsubscribe"]
  | Shapes["Ping"];
