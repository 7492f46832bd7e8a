import "./locale"; // First: what is loaded after it may ask for the language.
import { createApp } from "vue";
import App from "./App.vue";
import "./style.css";

createApp(App).mount("#page");
